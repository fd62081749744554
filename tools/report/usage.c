#include "report/usage.h"

const char ho_report_about[] =
    "Makes a self-contained page of a run, RUN/report.html: the results as a table, curves, the graph of\n"
    "learned relations, the weights of the training examples with a contact sheet of the lowest, the\n"
    "resolved pipeline, machine and data. A run that has not finished gets a page of its results so far.\n"
    "Graphviz and gnuplot draw the figures (Debian packages graphviz and gnuplot-nox).";

const ho_flag ho_report_flags[] = {
    {.name = "--out", .argument = "FILE", .doc = "file to write (default: report.html in the run folder)"},
    {.name = "--help", .doc = "show this help"},
    {.name = "--version", .doc = "print the version"},
    {0},
};
