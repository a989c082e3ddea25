#include "tcp_server/web_page.h"

/* The assembler puts a file's bytes between two labels; its path is seen from the repository's
 * root, where make runs. */
#define PAGE_FILE(label, file)                                                         \
        __asm__(".pushsection .rodata\n"                                               \
                "web_page_" #label ": .incbin \"tcp_server/web/" file "\"\n"           \
                "web_page_" #label "_end: .byte 0\n"                                   \
                ".popsection\n");                                                      \
        extern const uint8_t web_page_##label[] __attribute__((visibility("hidden"))); \
        extern const uint8_t web_page_##label##_end[] __attribute__((visibility("hidden")));

/* X(label, file) */
#define PAGE_LIST(X)           \
        X(index, "index.html") \
        X(script, "chat.js")   \
        X(style, "chat.css")   \
        X(icon, "icon.svg")

PAGE_LIST(PAGE_FILE)

struct bytes web_page_file(size_t i, const char **name)
{
        static const struct {
                const char *name;
                const uint8_t *start, *end;
        } files[] = {
#define PAGE_ROW(label, file) { file, web_page_##label, web_page_##label##_end },
                PAGE_LIST(PAGE_ROW)
#undef PAGE_ROW
        };
        if (i >= sizeof files / sizeof files[0])
                return bytes_of(NULL, 0);
        *name = files[i].name;
        return bytes_of(files[i].start, (size_t)(files[i].end - files[i].start));
}
