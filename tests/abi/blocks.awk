# The code blocks of a page of the guide, as lines of a shell script for guide.sh:
#
#     ```console         commands behind "$ " are run; what is below each must be printed, in this order
#     ```sh              each line is run
#     ```c, ```yaml      compiled or run by itself: see guide.sh
#     ```c mine.c        becomes that file
#     ```c of mine.c     is part of that file
#     ```text            is no code
#
# Any other block is an error: nothing is shown that nobody has tried.

function quote(text) {
    gsub(/'/, "'\\''", text)
    return "'" text "'"
}

function at(line) { return quote(page ":" line) }

function end_command() {
    if (command == "")
        return
    printf "{\n%s\n} >\"$work/out\" 2>&1 && status=0 || status=$?\n", command
    printf "printed %s \"$status\" <<'END OF BLOCK'\n%sEND OF BLOCK\n", at(command_line), expected
    command = ""
}

/^```/ && !inside {
    inside = 1
    kind = substr($1, 4)
    file = $2
    of = $3
    start = NR
    text = ""
    if (kind !~ /^(console|sh|c|yaml|text)$/) {
        printf "page_error %s %s\n", at(NR), quote("a block of kind \"" kind "\"")
        kind = "text"
    }
    next
}

/^```/ {
    inside = 0
    blocks++
    end_command()
    if (kind == "c" || kind == "yaml") {
        call = file == "of" ? "part_of " quote(of) : file != "" ? "becomes " quote(file) : "alone_" kind
        printf "%s %s <<'END OF BLOCK'\n%sEND OF BLOCK\n", call, at(start), text
    }
    next
}

!inside && /^    / && before == "" { printf "page_error %s 'an indented block'\n", at(NR) }
{ before = $0 }

!inside { next }

kind == "sh" && /[^ ]/ && !/^#/ { printf "{\n%s\n} >\"$work/out\" 2>&1 || page_error %s \"$(cat \"$work/out\")\"\n", $0, at(NR) }

kind == "console" && /^\$ / {
    end_command()
    command = substr($0, 3)
    command_line = NR
    expected = ""
    next
}

{
    text = text $0 "\n"
    expected = expected $0 "\n"
}

END { printf "blocks=%d\n", blocks }
