/* Time. */
#ifndef HO_BASE_CLOCK_H
#define HO_BASE_CLOCK_H

/* Seconds of a clock that only goes forward. */
double ho_seconds(void);
/* Seconds of processor time of the calling thread. */
double ho_thread_seconds(void);
/* Seconds of processor time of all threads of the process. */
double ho_process_seconds(void);

#endif
