-- Scripts run inside Redis and Valkey: Lua 5.1, these globals and no others; the first line (#!lua) is the engine's.
std = "lua51"
read_globals = { "redis", "server", "KEYS", "ARGV", "cjson", "cmsgpack", "bit", "struct" }
max_line_length = 120
