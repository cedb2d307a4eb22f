-- Tells a room what its people show, and writes it down for those who ask.
--
-- KEYS: the room's people, the channel
-- ARGV: the command that publishes, the message, milliseconds kept, and then pairs: a field and its state, empty for who has left
--
-- The people are a hash: node and client -> the server's time in milliseconds, a colon, the state.
-- First, so that it is told even where nothing can be kept.
local told = redis.call(ARGV[1], KEYS[2], ARGV[2])
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
  -- Nobody's, or somebody else's.
  redis.call('DEL', KEYS[1])
end
local now = redis.call('TIME')
local time = string.format('%.0f:', now[1] * 1000 + math.floor(now[2] / 1000))
for at = 4, #ARGV, 2 do
  if ARGV[at + 1] == '' then
    redis.call('HDEL', KEYS[1], ARGV[at])
  else
    redis.call('HSET', KEYS[1], ARGV[at], time .. ARGV[at + 1])
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return told
