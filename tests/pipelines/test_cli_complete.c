/* Completion: what hotool offers, and what the scripts of bash and zsh make of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_support.h"

TestSuite(complete, .init = cli_enter, .fini = cli_leave, .timeout = 60);

/* Expects these candidates, in this order, for a command line whose last word is the one that is typed. */
static void offers(const char *line, const char *candidates)
{
    char words[256], *arguments[8] = {NULL};
    size_t count = 0;
    snprintf(words, sizeof words, "%s", line);
    for (char *p = words, *blank; count < 6; p = blank + 1) {
        arguments[count++] = p;
        if (!(blank = strchr(p, ' ')))
            break;
        *blank = '\0';
    }
    cli_result r =
        cli_run("complete", arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5], NULL);
    cli_expect_done(r);
    char *got = strdup(r.out);
    for (char *p = got; *p; p++)
        *p = *p == '\n' ? ' ' : *p;
    cr_expect_str_eq(got, candidates, "%s: \"%s\"", line, got);
    free(got);
}

Test(complete, commands_options_and_plugins)
{
    offers("p", "pipeline plan plugins ");
    offers("help ch", "check ");
    offers("help mo", "modes ");
    offers("help fo", "formulas ");
    offers("help pipeline strat", "stratified strategy ");
    offers("pipeline x.yaml --p", "--precision --profile ");
    offers("check x.yaml --p", "");
    offers("report run --o", "--out ");
    offers("plugins ad", "adagrad adam adamw ");
    offers("plugins l2 --g", "--graph ");
    offers("plugins l2 --graph=", "--graph=text --graph=dot --graph=svg ");
    offers("plugins l2 --graph --de", "--derivative "); /* the form may be left out */
    offers("plugins l2 --derivative v", "vjp ");
    offers("pipeline x.yaml --mode r", "reverse ");
    offers("pipeline --mode=r", "--mode=reverse ");
    offers("pipeline --precision ", "f32 f64 ");
    offers("pipeline --out ", ""); /* a folder, which the shell knows better */
    offers("pipeline ", "");
    offers("pipelin --", "");
}

Test(complete, settings_of_a_plugin)
{
    offers("plugins adam --set be", "beta1= beta2= ");
    offers("plugins softmax --set ", "bias= init_scale= temperature= ");
    offers("plugins softmax --set=te", "--set=temperature= ");
    offers("plugins --set st", "");
    offers("check none.so --set st", "");
    offers("check none.so:adam --set=st", "");
}

Test(complete, keys_of_set)
{
    offers("pipeline x --set ste", "steps= ");
    offers("pipeline x --set out", "outer/ outer= ");
    offers("pipeline x --set outer/it", "outer/iterations= ");
    offers("plan --set=outer/it", "--set=outer/iterations= ");
    offers("pipeline x --set data/test/pl", "data/test/plugin= ");
    offers("pipeline x --set hyperparameters/l2.rho/c", "hyperparameters/l2.rho/constraint/ "
                                                        "hyperparameters/l2.rho/constraint= ");
    offers("pipeline x --set hyperparameters/l2.rho/range/s", "hyperparameters/l2.rho/range/scale= ");
    offers("pipeline x --set objective/ridge/red", "objective/ridge/reduce= ");
    offers("pipeline x --set variants/a/outer/it", "variants/a/outer/iterations= ");
    offers("pipeline x --set outer/it/", "");
    offers("pipeline x --set nothing/s", "");
}

Test(complete, values_of_set)
{
    offers("pipeline x --set precision=", "precision=f32 precision=f64 ");
    offers("pipeline x --set data/split/stratified=", "data/split/stratified=true data/split/stratified=false ");
    offers("pipeline x --set model=so", "model=softmax ");
    offers("pipeline x --set dynamics/plugin=a", "dynamics/plugin=adagrad dynamics/plugin=adam dynamics/plugin=adamw ");
    offers("pipeline x --set outer/plugin=a", "outer/plugin=adagrad outer/plugin=adam outer/plugin=adamw ");
    offers("pipeline x --set hyperparameters/l2.rho/constraint/plugin=b",
           "hyperparameters/l2.rho/constraint/plugin=box ");
    offers("pipeline x --set objective/a/loss=c", "objective/a/loss=cross_entropy ");
    offers("pipeline x --set variants/a/hypergradient/mode=rev", "variants/a/hypergradient/mode=reverse ");
    offers("pipeline x --set steps=", "steps=unbounded ");
}

/* What the file has: its terms, hyperparameters and variants by their names, and what its plugins take. */
Test(complete, what_the_pipeline_file_has)
{
    cli_write("p.yaml", "data:\n"
                        "  - {plugin: generated, label: made}\n"
                        "  - {plugin: npy, label: a label with blanks}\n"
                        "model: softmax\n"
                        "dynamics: {plugin: momentum, learning_rate: 0.1}\n"
                        "objective: [{loss: cross_entropy}, {penalty: l2, name: ridge}]\n"
                        "hyperparameters: {ridge.rho: 0.1, dynamics.momentum: {init: 0.5}}\n"
                        "hypergradient: reverse\n"
                        "outer: {plugin: adam}\n"
                        "variants: {a: {}, b1: null}\n");
    offers("pipeline p.yaml --variant ", "a b1 ");
    offers("plan --quiet p.yaml --variant b", "b1 ");
    offers("pipeline p.yaml --set variants/", "variants/a/ variants/b1= ");
    offers("pipeline p.yaml --set data/m", "data/made/ ");
    offers("pipeline p.yaml --set data/a", "");
    offers("pipeline p.yaml --set objective/", "objective/cross_entropy/ objective/ridge/ ");
    offers("pipeline p.yaml --set objective/ridge/r", "objective/ridge/rho= objective/ridge/reduce= ");
    offers("pipeline p.yaml --set objective/cross_entropy/la", "objective/cross_entropy/label_smoothing= ");
    offers("pipeline p.yaml --set variants/a/objective/r", "variants/a/objective/ridge/ ");
    offers("pipeline p.yaml --set hyperparameters/r", "hyperparameters/ridge.rho= ");
    offers("pipeline p.yaml --set hyperparameters/d", "hyperparameters/dynamics.momentum/ ");
    offers("pipeline p.yaml --set hyperparameters/dynamics.momentum/i", "hyperparameters/dynamics.momentum/init= ");
    offers("pipeline p.yaml --set ri", "ridge.rho= ");
    offers("pipeline p.yaml --set dynamics/l", "dynamics/learning_rate= ");
    offers("pipeline p.yaml --set model/t", "model/temperature= ");
    offers("pipeline p.yaml --set outer/b", "outer/beta1= outer/beta2= ");
    offers("pipeline p.yaml --set hypergradient/s", "hypergradient/store= ");
    offers("pipeline generated_mtl --set objective/m", "objective/mtl/ "); /* one that came with hotool */
    offers("report p.yaml --set ri", "");
    cli_write("p.yaml", "data: [\n");
    offers("pipeline p.yaml --set ou", "outer/ outer= ");
}

/* Runs a script of a shell, with these lines after it, and returns what it printed; NULL: there is no such shell. */
static const char *in_shell(const char *shell, const char *script, const char *lines)
{
    if (system(cli_format("command -v %s >/dev/null", shell)) != 0)
        return NULL;
    cli_write("lines", lines);
    int status = system(cli_format("%s lines '%s/../tools/completion/%s' >printed 2>&1", shell,
                                   cli_environment("HOTOOL_CONFIGS"), script));
    cr_expect_eq(status, 0, "%s", cli_read("printed"));
    return cli_read("printed");
}

/* Of a word with '=' in it bash replaces only what follows. */
Test(complete, bash)
{
    const char *printed = in_shell("bash", "hotool.bash",
                                   "source \"$1\"\n"
                                   "try() {\n"
                                   "    COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(\"$HOTOOL_BIN\")\n"
                                   "    _hotool; echo \"${#COMPREPLY[@]} ${COMPREPLY[*]}\"\n"
                                   "}\n"
                                   "try 'hotool plug'\ntry 'hotool pipeline x --set outer/it'\n"
                                   "try 'hotool pipeline --set model=s'\ntry 'hotool plan '\n"
                                   "complete -p hotool\n");
    cr_expect_str_eq(printed, "1 plugins\n1 outer/iterations=\n2 shared_trunk softmax\n0 \n"
                              "complete -o default -F _hotool hotool\n");
}

Test(complete, zsh)
{
    const char *printed = in_shell("zsh", "_hotool",
                                   "compadd() { shift $(( ${@[(i)--]} )); for c; do echo $c; done }\n"
                                   "_files() { echo files }\n"
                                   "script=$1\n"
                                   "try() { words=($HOTOOL_BIN $@) PREFIX=$@[-1] CURRENT=$#words; source $script }\n"
                                   "try plug\ntry pipeline x --set outer/it\ntry pipeline --set model=s\n"
                                   "try plan x\n");
    if (printed)
        cr_expect_str_eq(printed, "plugins\nouter/iterations=\nmodel=shared_trunk\nmodel=softmax\nfiles\n");
}
