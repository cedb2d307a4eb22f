-- Takes away people whose node has ended, unless it has come back and written them anew.
--
-- KEYS: the room's people
-- ARGV: pairs: a field and what was read there
for at = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[at]) == ARGV[at + 1] then
    redis.call('HDEL', KEYS[1], ARGV[at])
  end
end
