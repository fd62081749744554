/* Where a run comes from: when, where and how it was started, and what does the same again. */
#ifndef HO_RUN_ORIGIN_H
#define HO_RUN_ORIGIN_H

#include "base/memory.h"
#include "record/record.h"

typedef struct ho_origin {
    ho_record_started started; /* `again` is told with the record's folder: ho_again */
    const char *command;       /* as it was typed */
    const char *program;       /* what starts this hotool in the same environment, in the shell's words */
    const char *options;       /* what of the command line the resolved pipeline does not say, as " --threads 2" */
} ho_origin;

/* Of this process, now. Borrows the texts; what it makes lives in the arena. */
ho_origin ho_origin_of(const char *command, const char *options, ho_arena *arena);

/* "PROGRAM COMMAND FOLDER/pipeline.yaml OPTIONS", to be run in any folder; in the arena. */
const char *ho_again(const ho_origin *origin, const char *command, const char *folder, const char *options,
                     ho_arena *arena);

#endif
