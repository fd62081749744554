/* What the runs of an experiment share, in the process that leads them: tasks.c runs them, pipeline_run.c the whole. */
#ifndef HO_RUN_TASKS_H
#define HO_RUN_TASKS_H

#include "run/progress.h"
#include "run/resume.h"
#include "run/run.h"
#include "run/single.h"

typedef struct ho_many ho_many;

/* One run of the experiment: a variant under one seed. */
typedef struct ho_task {
    ho_many *all;
    const char *variant; /* NULL: the pipeline as it is */
    int64_t repetition;
    char *name;            /* "HMTL/3": its folder within the run's; ".": the run's own */
    ho_pipeline *pipeline; /* once read, with the run that is ready; NULL: not yet, or over */
    ho_single *single;
    ho_single_request request;
    ho_result result;
    double share;                /* of it that is done */
    const struct ho_task *after; /* it may take as long as this task took; NULL: no such limit */
    bool begun, over;
    bool others;              /* another process sees to it */
    ho_candidates candidates; /* count 0: not shared out */
} ho_task;

struct ho_many {
    ho_registry *registry;
    const ho_run_request *request;
    ho_origin origin;
    ho_experiment *experiment;
    ho_arena *arena; /* of results that were read back */
    bool chosen;     /* some of the variants were asked for */
    bool alone;      /* one task, whose folder is the run's */
    bool spread;     /* processes share the folder: it is one of runs, even of one */
    bool resumed;    /* what was begun in the folder goes on */
    ho_resumption resumption;
    bool apart;  /* tasks run in processes of their own */
    bool worker; /* this is one of them, which told how far it is at that time */
    double told;
    const char **strategies; /* of each variant */
    const char **criteria;   /* likewise; as in ho_row */
    int64_t *candidates;     /* likewise: how many can be shared out */
    size_t *like_variant;    /* whose time each variant takes; its own index: none */
    size_t variants;
    ho_run_folder *folder;
    ho_task *tasks;              /* the first one's pipeline is kept: it heads the table and the results */
    ho_task **order;             /* in which tasks are taken */
    size_t count, due, finished; /* due: that this process sees to */
    ho_progress progress;
    void (*ended)(const ho_many *all); /* told of each task that is over */
};

/* A task for each variant and repetition, not yet read. */
void ho_tasks_make(ho_many *all);
/* Reads it, and makes everything that can be refused. */
ho_status ho_task_prepare(ho_task *task, ho_error *error);
void ho_task_let_go(ho_task *task); /* but for the pipeline of the first */
/* Whether it is a search whose candidates are not all tried: those of other shares are left. */
bool ho_task_waits(const ho_task *task);
/* What a task has come to whose folder says so; *settled: it would come to that again. */
void ho_task_recall(ho_task *task, bool *settled);
/* All in their order, as many at a time as the request has jobs. */
void ho_tasks_run(ho_many *all);

#endif
