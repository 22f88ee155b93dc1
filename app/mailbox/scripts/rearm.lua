-- Put parked events back in front of the mailbox, in their order.  KEYS: q h dead due.  ARGV: address.
-- Returns {events put back, epoch}.
local items = redis.call('LRANGE', KEYS[3], 0, -1)
for i = #items, 1, -1 do redis.call('LPUSH', KEYS[1], items[i]) end
redis.call('DEL', KEYS[3])
redis.call('HDEL', KEYS[2], 'tries')
redis.call('PERSIST', KEYS[2])
local clock = redis.call('TIME')
redis.call('ZADD', KEYS[4], 'NX', tonumber(clock[1]), ARGV[1])
return {#items, tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0') + 1}
