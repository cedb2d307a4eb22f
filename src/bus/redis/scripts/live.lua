-- Says that a node lives; answers whether that was known.
--
-- KEYS: the node's own, the channel of the nodes
-- ARGV: the command that publishes, the message, milliseconds kept
redis.call(ARGV[1], KEYS[2], ARGV[2])
local known = 0
if redis.call('PTTL', KEYS[1]) > 0 then known = 1 end
redis.call('SET', KEYS[1], '', 'PX', ARGV[3])
return known
