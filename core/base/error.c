/* Errors: recording the first one, with its place in front. */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Marks a text that did not fit, so that a message cut short does not read as a whole one. */
static void mark_cut(ho_error *error)
{
    memcpy(error->text + sizeof error->text - sizeof "...", "...", sizeof "...");
}

const char *ho_place_print(ho_place place, char text[HO_PLACE_TEXT])
{
    text[0] = '\0';
    if (place.file && place.line > 0 && place.column > 0)
        snprintf(text, HO_PLACE_TEXT, "%s:%d:%d", place.file, place.line, place.column);
    else if (place.file && place.line > 0)
        snprintf(text, HO_PLACE_TEXT, "%s:%d", place.file, place.line);
    else if (place.file)
        snprintf(text, HO_PLACE_TEXT, "%s", place.file);
    return text;
}

void ho_error_place(ho_error *error, ho_place place)
{
    char text[HO_PLACE_TEXT];
    if (place.file)
        ho_error_prefix(error, "%s", ho_place_print(place, text));
}

ho_status ho_fail_v(ho_error *error, ho_status status, ho_place place, const char *format, va_list args)
{
    if (error->status != HO_OK)
        return error->status;
    error->status = status;
    int length = vsnprintf(error->text, sizeof error->text, format, args);
    if (length >= 0 && (size_t)length >= sizeof error->text)
        mark_cut(error);
    ho_error_place(error, place);
    return status;
}

ho_status ho_fail(ho_error *error, ho_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ho_status result = ho_fail_v(error, status, (ho_place){0}, format, args);
    va_end(args);
    return result;
}

ho_status ho_fail_at(ho_error *error, ho_status status, ho_place place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ho_status result = ho_fail_v(error, status, place, format, args);
    va_end(args);
    return result;
}

ho_status ho_fail_as(ho_error *error, const ho_error *other)
{
    if (error->status == HO_OK && other->status != HO_OK)
        *error = *other;
    return error->status;
}

ho_status ho_status_of(int reason)
{
    bool shortage = reason == ENOMEM || reason == EMFILE || reason == ENFILE || reason == ENOSPC || reason == EDQUOT ||
                    reason == EIO;
    return shortage ? HO_FAILED : HO_INVALID;
}

void ho_error_about(ho_error *error, const char *format, ...)
{
    if (error->status == HO_OK)
        return;
    char what[sizeof error->text];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    const size_t used = strlen(error->text), room = sizeof error->text - used;
    if (snprintf(error->text + used, room, " (%s)", what) >= (int)room)
        mark_cut(error);
}

void ho_error_prefix(ho_error *error, const char *format, ...)
{
    if (error->status == HO_OK)
        return;
    char prefix[sizeof error->text];
    va_list args;
    va_start(args, format);
    int written = vsnprintf(prefix, sizeof prefix - 2, format, args);
    va_end(args);
    if (written < 0)
        return;
    size_t shift = strlen(prefix);
    memcpy(prefix + shift, ": ", sizeof ": ");
    shift += 2;
    size_t kept = strlen(error->text);
    bool cut = kept + shift >= sizeof error->text;
    if (cut)
        kept = sizeof error->text - 1 - shift;
    memmove(error->text + shift, error->text, kept);
    memcpy(error->text, prefix, shift);
    error->text[shift + kept] = '\0';
    if (cut)
        mark_cut(error);
}
