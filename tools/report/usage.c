#include "report/usage.h"

const char ho_report_about[] =
    "Turns the folder of a run into one self-contained page, RUN/report.html: the results as a table, curves, the "
    "graph\n"
    "of learned relations, the weights of the training examples with a contact sheet of those that count least, the\n"
    "resolved pipeline, machine and data. A run that is going, or was killed, has a page of what there is. Graphviz "
    "and\n"
    "gnuplot draw the figures (Debian packages graphviz and gnuplot-nox).";

const ho_flag ho_report_flags[] = {
    {.name = "--out", .argument = "FILE", .doc = "where to write the page (default: report.html in the run folder)"},
    {.name = "--help", .doc = "this text"},
    {.name = "--version", .doc = "the version"},
    {0},
};
