-- Who is in a room, and the server's time in milliseconds by which their ages are known.
--
-- KEYS: the room's people
local now = redis.call('TIME')
return { now[1] * 1000 + math.floor(now[2] / 1000), redis.call('HGETALL', KEYS[1]) }
