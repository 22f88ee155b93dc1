-- Under the lease, before sending: show whether a person speaks.  KEYS: q h lock.  ARGV: token, events of the lease, 1 = held.
-- With newer events waiting, an old hold stays: it may be that of a recruiter who has just spoken.
-- Returns 0 when the lease was lost.
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return 0 end
if ARGV[3] == '1' then
  redis.call('HSET', KEYS[2], 'hold', '1')
elseif redis.call('LLEN', KEYS[1]) <= tonumber(ARGV[2]) then
  redis.call('HDEL', KEYS[2], 'hold')
end
return 1
