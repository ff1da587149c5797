/*
 * standalone.c - runs a fuzz target over every file of the folders and files named, without
 * libFuzzer: the corpus as a regression test under any compiler.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return 1;
    }
    size_t cap = 1u << 20, len;
    uint8_t *data = malloc(cap);
    if (data == NULL) {
        fclose(f);
        return 1;
    }
    len = fread(data, 1, cap, f);
    fclose(f);
    /* An exact copy, so that the sanitizer sees a read past the end. */
    uint8_t *exact = malloc(len > 0 ? len : 1);
    if (exact != NULL) {
        for (size_t i = 0; i < len; i++)
            exact[i] = data[i];
        LLVMFuzzerTestOneInput(exact, len);
    }
    free(exact);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long ran = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) == 0 && S_ISREG(st.st_mode)) {
            failed |= run_file(argv[i]);
            ran++;
            continue;
        }
        DIR *d = opendir(argv[i]);
        if (d == NULL) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
            char path[4096];
            if (e->d_name[0] == '.')
                continue;
            if (snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name) >= (int)sizeof path)
                continue;
            failed |= run_file(path);
            ran++;
        }
        closedir(d);
    }
    printf("%lu inputs\n", ran);
    return failed || ran == 0;
}
