-- Tells a room what was stored, and keeps it for those who come late.
--
-- KEYS: the hot buffer, the channel
-- ARGV: the command that publishes, the message, the room's id, the first and the last number, numbers kept, bytes kept,
--       milliseconds kept, and either the updates of these numbers or nothing
--
-- The hot buffer is a hash: number -> update, and `room`, `low`, `high`, `bytes`: whose it is, the lowest and highest number that it
-- has or had, and what all its updates weigh. Numbers that came without an update are holes.
local hot = KEYS[1]
local room, first, last = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local numbers, most = tonumber(ARGV[6]), tonumber(ARGV[7])
local function field(number) return string.format('%.0f', number) end

-- First, so that it is told even where nothing can be kept.
local told = redis.call(ARGV[1], KEYS[2], ARGV[2])
local known = redis.pcall('HMGET', hot, 'room', 'low', 'high', 'bytes')
if known.err then
  -- Somebody else's.
  redis.call('DEL', hot)
  known = {}
end
local owner, low, high, bytes = tonumber(known[1]), tonumber(known[2]), tonumber(known[3]), tonumber(known[4])
-- What an earlier room of the same name says late is told, and not kept.
if not owner or owner <= room then
  local fresh = not (owner == room and low and high and bytes) or last - high >= numbers
  if fresh then
    redis.call('DEL', hot)
    high, bytes = last, 0
  end
  high = math.max(high, last)
  local floor = high - numbers + 1
  local from = math.max(first, floor)
  if fresh then
    low = from
  elseif from <= last then
    low = math.min(low, from)
  end
  for number = from, last do
    local update = ARGV[9 + number - first]
    if update then
      bytes = bytes + #update - redis.call('HSTRLEN', hot, field(number))
      redis.call('HSET', hot, field(number), update)
    end
  end
  while low <= high and (low < floor or bytes > most) do
    bytes = bytes - redis.call('HSTRLEN', hot, field(low))
    redis.call('HDEL', hot, field(low))
    low = low + 1
  end
  redis.call('HSET', hot, 'room', ARGV[3], 'low', field(low), 'high', field(high), 'bytes', field(bytes))
  redis.call('PEXPIRE', hot, ARGV[8])
end
return told
