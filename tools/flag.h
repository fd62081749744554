/* An option of a command line: a row of the tables that parsing, help, manual pages and completion read. */
#ifndef HO_TOOLS_FLAG_H
#define HO_TOOLS_FLAG_H

#include <stddef.h>

typedef struct ho_flag {
    const char *name;     /* "--mode" */
    const char *argument; /* "MODE"; NULL: none; "jvp|vjp": one of these; "[=text|dot]": it may be left out */
    const char *doc;
    unsigned bit; /* of ho_cli_command.takes; 0: every command takes it */
    size_t at;    /* the member of ho_cli that takes the value; 0: see store in cli.c */
} ho_flag;

/* Whether its value is the next word of the command line. */
#define HO_FLAG_TAKES_WORD(flag) ((flag)->argument && (flag)->argument[0] != '[')

/* As a line of a help text. */
#define HO_FLAG_LINE        "  %-17s %-9s %s\n"
#define HO_FLAG_PARTS(flag) (flag)->name, (flag)->argument ? (flag)->argument : "", (flag)->doc

#endif
