-- Give the lease back without having handled the events; nobody takes them up before the delay is over.
-- KEYS: h lock.  ARGV: token, 1 if this try does not count (an outage, not the events' fault), most seconds of delay.
-- Returns {1, epoch, delay in ms} or {0} when the lease was lost.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {0} end
local failures
if ARGV[2] == '1' then
  redis.call('HINCRBY', KEYS[1], 'tries', -1)
  failures = redis.call('HINCRBY', KEYS[1], 'outages', 1)
else
  failures = tonumber(redis.call('HGET', KEYS[1], 'tries') or '1')
end
local delay = math.min(0.5 * 2 ^ math.min(failures, 10), tonumber(ARGV[3]))
local clock = redis.call('TIME')
redis.call('HSET', KEYS[1], 'nb', string.format('%.3f', tonumber(clock[1]) + tonumber(clock[2]) / 1e6 + delay))
redis.call('HSETNX', KEYS[1], 'woken', '1')
redis.call('DEL', KEYS[2])
return {1, tonumber(redis.call('HGET', KEYS[1], 'epoch')) + 1, math.floor(delay * 1000)}
