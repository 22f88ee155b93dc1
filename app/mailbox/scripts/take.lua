-- Take the lease of a mailbox and read what lies in it (it stays there until trim).
-- KEYS: q h lock dead due, dead mailboxes, those not told yet.  ARGV: token, lease in ms, tries before parking, most events, address,
--   TTL of parked events in s.
-- Returns {'busy', ms left} | {'empty'} | {'parked', n} | {'ok', fence, tries, {events}}.
if not redis.call('SET', KEYS[3], ARGV[1], 'NX', 'PX', ARGV[2]) then return {'busy', redis.call('PTTL', KEYS[3])} end
local items = redis.call('LRANGE', KEYS[1], 0, tonumber(ARGV[4]) - 1)
redis.call('HINCRBY', KEYS[2], 'epoch', 1)
redis.call('HDEL', KEYS[2], 'first', 'last', 'woken')
if #items == 0 then
  redis.call('DEL', KEYS[3])
  redis.call('ZREM', KEYS[5], ARGV[5])
  redis.call('EXPIRE', KEYS[2], 2592000)
  return {'empty'}
end
local tries = redis.call('HINCRBY', KEYS[2], 'tries', 1)
if tries > tonumber(ARGV[3]) then
  redis.call('RPUSH', KEYS[4], unpack(items))
  redis.call('EXPIRE', KEYS[4], ARGV[6])
  redis.call('LTRIM', KEYS[1], #items, -1)
  redis.call('HDEL', KEYS[2], 'tries')
  redis.call('DEL', KEYS[3])
  -- Listed in the same step: parked events that nobody can find would be lost.
  local now = redis.call('TIME')[1]
  redis.call('ZADD', KEYS[6], now, ARGV[5])
  redis.call('ZADD', KEYS[7], now, ARGV[5])
  if redis.call('LLEN', KEYS[1]) == 0 then
    redis.call('ZREM', KEYS[5], ARGV[5])
    redis.call('EXPIRE', KEYS[2], ARGV[6])
  end
  return {'parked', #items}
end
-- Tries that an outage ended do not count towards parking, but somebody has begun this before.
local outages = tonumber(redis.call('HGET', KEYS[2], 'outages') or '0')
return {'ok', redis.call('HINCRBY', KEYS[2], 'fence', 1), tries + outages, items}
