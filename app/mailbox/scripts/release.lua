-- Give the lease back without having handled the events.
-- KEYS: h lock.  ARGV: token, 1 if this try does not count (an outage, not the events' fault).
-- Returns {1, epoch, tries} or {0} when the lease was lost.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {0} end
local tries = tonumber(redis.call('HGET', KEYS[1], 'tries') or '0')
if ARGV[2] == '1' and tries > 0 then tries = redis.call('HINCRBY', KEYS[1], 'tries', -1) end
redis.call('HSETNX', KEYS[1], 'woken', '1')
redis.call('DEL', KEYS[2])
return {1, tonumber(redis.call('HGET', KEYS[1], 'epoch')) + 1, tries}
