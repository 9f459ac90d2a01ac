"""Wire protocol v1: messages, codec, codes and the pure session. No I/O, no clock."""
