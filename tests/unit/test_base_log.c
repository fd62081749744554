/* Notes: one line each on stderr, none when quiet. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>

#include "base/log.h"

Test(log, notes_go_to_stderr_unless_quiet, .init = cr_redirect_stderr)
{
    ho_note("step %d", 3);
    ho_notes_quiet(true);
    ho_note("unseen");
    ho_notes_quiet(false);
    ho_note("seen");
    fflush(stderr);
    cr_assert_stderr_eq_str("step 3\nseen\n");
}
