-- Remove the events that were handled and give the lease back.
-- KEYS: q h lock seen due.  ARGV: token, events handled, address, seconds that a seen id is remembered, seconds an idle
--   mailbox is kept, '1' if a person speaks now.
-- Returns {1, events left, epoch} or {0} when the lease was lost (a newer holder does the work again).
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return {0} end
redis.call('LTRIM', KEYS[1], ARGV[2], -1)
redis.call('HDEL', KEYS[2], 'tries', 'outages', 'nb')
redis.call('DEL', KEYS[3])
local clock = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', tonumber(clock[1]) - tonumber(ARGV[4]))
local left = redis.call('LLEN', KEYS[1])
if ARGV[6] == '1' then
  redis.call('HSET', KEYS[2], 'hold', '1')
elseif left == 0 then
  -- With events left the hold may be a recruiter's, who has just spoken: the next turn decides.
  redis.call('HDEL', KEYS[2], 'hold')
end
if left == 0 then
  redis.call('ZREM', KEYS[5], ARGV[3])
  redis.call('EXPIRE', KEYS[2], ARGV[5])
end
return {1, left, tonumber(redis.call('HGET', KEYS[2], 'epoch')) + 1}
