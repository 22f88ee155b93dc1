-- The right to start sending an outbox row: given once per row until it is settled.
-- KEYS: h sending.  ARGV: row id, 1 if only the assistant's words may be held back, 1 to start again although begun,
--   seconds that the mark is kept.
-- Returns {'held'} | {'begun', age in ms} | {'ok'}.
if ARGV[2] == '1' and redis.call('HEXISTS', KEYS[1], 'hold') == 1 then return {'held'} end
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local begun = redis.call('HGET', KEYS[2], ARGV[1])
if begun and ARGV[3] ~= '1' then return {'begun', now - tonumber(begun)} end
redis.call('HSET', KEYS[2], ARGV[1], now)
redis.call('EXPIRE', KEYS[2], ARGV[4])
return {'ok'}
