-- Under the lease: what arrived behind the first n events.  KEYS: q lock.  ARGV: token, n, most events.
-- Returns {0} when the lease was lost, else {1, {events}}.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {0} end
return {1, redis.call('LRANGE', KEYS[1], ARGV[2], tonumber(ARGV[2]) + tonumber(ARGV[3]) - 1)}
