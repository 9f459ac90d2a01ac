#!lua
-- announce: fold settled gifts into a room: offset, totals, top senders, combos, marks; keep the fold and publish it.
--
-- KEYS  1 state, 2 top, 3 names, 4 anonymous, 5 combos, 6 due, 7 frames
-- ARGV  1 channel, 2 combo window (ms), 3 folds kept, 4 publish events from this time on (ms), 5 '1' while the room
--       is fed from the book, else '0', 6 '0' or 'create', 7 n,
--       then 13 an event: p, seq, prev (the partition's previous seq in this room), ts, event id, coins, count,
--       earned (the receiver's stripe after it), sender ('u<id>' or 'a<pseudonym>'), sender's name,
--       combo key ('': none), fact (JSON), combo fact (JSON)
--       then, only with create: pairs of p and the stripe's points before the room's first gift
-- Reply {'ok', epoch, offset, folded, {p, mark it stands at, …} of partitions with a gap}  {'missing'}
--
-- `prev` must be the mark that stands here: lower seqs are repeats and are dropped, a higher prev is a gap, to be
-- fed from the book. The published text is described in wire/folds.py. A room found under another owner keeps its
-- state, a consistent prefix, under a new epoch; state that is not whole is deleted and answered with 'missing'.
-- Everything is read and decided before the first write, and XADD, the only write that can fail, is the first.

local ARGS, FIRST = 13, 8
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local n = tonumber(ARGV[7])

local function text(number) return string.format('%.0f', number) end

local function read_state()
  local flat, state = redis.call('HGETALL', KEYS[1]), {}
  for i = 1, #flat, 2 do state[flat[i]] = flat[i + 1] end
  return state
end

local function is_whole(state)
  local last = redis.call('XREVRANGE', KEYS[7], '+', '-', 'COUNT', 1)[1]
  if state.offset ~= '0' and (not last or last[1] ~= state.frame) then return false end
  local named = redis.call('ZCARD', KEYS[2])
  return named == redis.call('HLEN', KEYS[3]) and named + redis.call('SCARD', KEYS[4]) == tonumber(state.senders)
end

local state = read_state()
local before = state.epoch
if state.epoch and state.owner ~= replid then
  if is_whole(state) then
    state.epoch = text(math.max(tonumber(state.epoch) + 1, now_ms))
    state.owner = replid
  else
    redis.call('UNLINK', unpack(KEYS))
    state = {}
  end
end
if not state.epoch then
  if ARGV[6] ~= 'create' then return { 'missing' } end
  redis.call('UNLINK', unpack(KEYS))
  state = { epoch = text(math.max(tonumber(before or '0') + 1, now_ms)), owner = replid, offset = '0', coins = '0',
    gifts = '0', senders = '0', points = '0' }
  for at = FIRST + n * ARGS, #ARGV, 2 do
    state['e:' .. ARGV[at]] = ARGV[at + 1]
    state.points = text(tonumber(state.points) + tonumber(ARGV[at + 1]))
  end
end

local offset, coins, gifts = tonumber(state.offset), tonumber(state.coins), tonumber(state.gifts)
local senders, points = tonumber(state.senders), tonumber(state.points)
local kept, published, gaps, moved, folded = {}, {}, {}, {}, 0
local combos, ranks, anonymous, newcomers = {}, {}, {}, {}

local function add(line, ts)
  table.insert(kept, line)
  if ts >= tonumber(ARGV[4]) then table.insert(published, line) end
end

-- The creator's columns: all points, and this session's coins, points and gifts (points are 1:1 with coins).
local function sums() return text(points) .. ' ' .. text(coins) .. ' ' .. text(coins) .. ' ' .. text(gifts) end

local function combo_of(key)
  if combos[key] == nil then
    local id, total, spent, last, p, fact = string.match(redis.call('HGET', KEYS[5], key) or '',
      '^(%S+) (%d+) (%d+) (%d+) (%d+) (.*)$')
    combos[key] = id and { id = id, total = tonumber(total), coins = tonumber(spent), last = tonumber(last), p = p,
      fact = fact } or false
  end
  return combos[key]
end

local function join_combo(key, ts, event_id, count, spent, p, fact)
  local combo = combo_of(key)
  if combo and ts - combo.last > tonumber(ARGV[2]) then
    offset = offset + 1
    add(string.format('c %.0f %s %.0f %.0f %s %.0f %s', offset, combo.id, combo.total, combo.coins, sums(),
      combo.last + tonumber(ARGV[2]), combo.fact), ts)
    combo = false
  end
  if not combo then combo = { id = event_id, total = 0, coins = 0, last = ts, p = p, fact = fact } end
  -- Its sender may have moved to another partition since: the newest gift's is the one to wait for.
  if ts >= combo.last then combo.p = p end
  combo.total, combo.coins, combo.last = combo.total + count, combo.coins + spent, math.max(combo.last, ts)
  combos[key] = combo
  return combo
end

-- Ties in the ranking go to who came first, so the first offset stands before the name.
local function rank_of(sender, name)
  if ranks[sender] == nil then
    local score = redis.call('ZSCORE', KEYS[2], sender)
    if not score then
      senders = senders + 1
      newcomers[sender] = text(offset + 1) .. ' ' .. name
    end
    ranks[sender] = tonumber(score or '0')
  end
  return ranks[sender]
end

local function note_anonymous(sender)
  if anonymous[sender] then return end
  anonymous[sender] = true
  if redis.call('SISMEMBER', KEYS[4], sender) == 0 then senders = senders + 1 end
end

local function fold(at)
  local p, ts, spent, count = ARGV[at], tonumber(ARGV[at + 3]), tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  local sender, key, own = string.sub(ARGV[at + 8], 2), ARGV[at + 10], '-'
  local id, total, sum = '-', 0, 0
  if key ~= '' then
    -- Before the sums move on: a combo that this gift finds over ends with the sums of before.
    local combo = join_combo(key, ts, ARGV[at + 4], count, spent, p, ARGV[at + 12])
    id, total, sum = combo.id, combo.total, combo.coins
  end
  coins, gifts = coins + spent, gifts + count
  points = points + tonumber(ARGV[at + 7]) - tonumber(state['e:' .. p] or '0')
  state['e:' .. p], state['m:' .. p], moved[p] = ARGV[at + 7], ARGV[at + 1], ARGV[at + 1]
  if string.sub(ARGV[at + 8], 1, 1) == 'a' then
    note_anonymous(sender)
  else
    ranks[sender] = rank_of(sender, ARGV[at + 9]) + spent
    own = text(ranks[sender])
  end
  offset, folded = offset + 1, folded + 1
  add(string.format('g %.0f %s %s %.0f %.0f %s %s', offset, own, id, total, sum, sums(), ARGV[at + 11]), ts)
end

for e = 0, n - 1 do
  local at = FIRST + e * ARGS
  local p, mark = ARGV[at], tonumber(state['m:' .. ARGV[at]] or '0')
  if tonumber(ARGV[at + 1]) > mark then
    if gaps[p] or tonumber(ARGV[at + 2]) ~= mark then gaps[p] = text(mark)
    else fold(at) end
  end
end

state.offset, state.coins, state.gifts = text(offset), text(coins), text(gifts)
state.senders, state.points, state.feeding = text(senders), text(points), ARGV[5]
local head = string.format('%s %s %s %s %s', state.epoch, state.offset, state.coins, state.gifts, state.senders)
for p, mark in pairs(moved) do head = head .. ' ' .. p .. ':' .. mark end
head = head .. '\n'
if #kept > 0 then
  state.frame = state.epoch .. '-' .. state.offset
  redis.call('XADD', KEYS[7], 'MAXLEN', ARGV[3], state.frame, 'd', head .. table.concat(kept, '\n'))
end
local flat = {}
for field, value in pairs(state) do
  table.insert(flat, field)
  table.insert(flat, value)
end
redis.call('HSET', KEYS[1], unpack(flat))
for sender, sum in pairs(ranks) do redis.call('ZADD', KEYS[2], text(sum), sender) end
for sender, name in pairs(newcomers) do redis.call('HSET', KEYS[3], sender, name) end
for sender in pairs(anonymous) do redis.call('SADD', KEYS[4], sender) end
for key, combo in pairs(combos) do
  redis.call('HSET', KEYS[5], key, string.format('%s %.0f %.0f %.0f %s %s', combo.id, combo.total, combo.coins,
    combo.last, combo.p, combo.fact))
  redis.call('ZADD', KEYS[6], text(combo.last + tonumber(ARGV[2])), key)
end
if #published > 0 then redis.call('PUBLISH', ARGV[1], head .. table.concat(published, '\n')) end
local flat_gaps = {}
for p, mark in pairs(gaps) do
  table.insert(flat_gaps, p)
  table.insert(flat_gaps, mark)
end
return { 'ok', state.epoch, state.offset, folded, flat_gaps }
