#include "host/faults.h"

static _Thread_local int64_t calls, failing;

void ho_faults_begin(int64_t fail_at)
{
    calls = 0;
    failing = fail_at;
}

int64_t ho_faults_end(void)
{
    failing = 0;
    return calls;
}

bool ho_fault(void)
{
    return ++calls == failing;
}
