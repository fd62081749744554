#include "run/machine.h"

#include <cblas.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

int ho_machine_cores(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 && cores < 1024 ? (int)cores : 1;
}

/* The first "model name" of Linux's list of processors; "" where there is none. */
static void cpu_name(char name[128])
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    name[0] = '\0';
    while (file && !name[0] && fgets(line, sizeof line, file)) {
        const char *colon = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (colon)
            snprintf(name, 128, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    }
    if (file)
        fclose(file);
}

void ho_machine_json(ho_json *json)
{
    char cpu[128], kind[300] = "";
    struct utsname system;
    cpu_name(cpu);
    if (uname(&system) == 0)
        snprintf(kind, sizeof kind, "%s %s %s", system.sysname, system.release, system.machine);
    ho_json_open(json, "machine", '{');
    ho_json_string(json, "cpu", cpu);
    ho_json_integer(json, "cores", ho_machine_cores());
    ho_json_string(json, "system", kind);
    ho_json_close(json, '}');
    ho_json_open(json, "versions", '{');
    ho_json_string(json, "openblas", openblas_get_config());
    ho_json_string(json, "compiler", __VERSION__);
    ho_json_close(json, '}');
}
