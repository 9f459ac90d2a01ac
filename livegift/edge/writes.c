/* Writes the same bytes to many sockets: the loop of writes.py without an interpreter between two system calls. */
#include <errno.h>
#include <unistd.h>

/* Write `size` bytes to each of `count` descriptors. Where not all of it was taken, puts the descriptor's place and how
   many bytes were (0 after an error, or where the descriptor is negative) into `short_writes`, which has room for
   2 * count numbers; returns how many there are. */
int write_to_each(const int *descriptors, int count, const char *bytes, long size, int *short_writes)
{
    int found = 0;
    for (int place = 0; place < count; place++) {
        long written = -1;
        if (descriptors[place] >= 0)
            do
                written = write(descriptors[place], bytes, size);
            while (written < 0 && errno == EINTR);
        if (written != size) {
            short_writes[2 * found] = place;
            short_writes[2 * found + 1] = written < 0 ? 0 : (int)written;
            found++;
        }
    }
    return found;
}
