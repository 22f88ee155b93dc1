-- The right to start sending an outbox row: given once per row until it is settled.
-- KEYS: h sending due.  ARGV: row id, 1 if only the assistant's words may be held back, 1 to start again although begun,
--   seconds that the mark is kept, mailbox of the number's statuses.
-- Returns {'held'} | {'ok'} | {'begun', ms since this was first asked, sends so far, 1 if statuses wait to be read}.
if ARGV[2] == '1' and redis.call('HEXISTS', KEYS[1], 'hold') == 1 then return {'held'} end
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local begun = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')
if begun > 0 and ARGV[3] ~= '1' then
  -- The wait for a status starts when somebody looks: until then nobody may have read them.
  redis.call('HSETNX', KEYS[2], ARGV[1] .. ':asked', now)
  local asked = tonumber(redis.call('HGET', KEYS[2], ARGV[1] .. ':asked'))
  return {'begun', now - asked, begun, redis.call('ZSCORE', KEYS[3], ARGV[5]) and 1 or 0}
end
redis.call('HSET', KEYS[2], ARGV[1], begun + 1)
redis.call('HDEL', KEYS[2], ARGV[1] .. ':asked')
redis.call('EXPIRE', KEYS[2], ARGV[4])
return {'ok'}
