"""The Lua scripts of the Redis state: each is one atomic step, by the server's time.

A counter is a hash: field "bucket:column" holds an amount. Numbers travel as text, since Redis cuts
Lua's numbers to whole ones.
"""

from __future__ import annotations

from typing import Final

__all__ = ["SCRIPTS"]

_NOW: Final = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local function text(number) return string.format('%.17g', number) end
"""
_COUNTS: Final = """
local function add(key, count)
  local bucket, width, keep, amounts = count[1], count[2], count[3], count[4]
  if bucket < math.floor(now / width) - keep + 1 then return end
  for place, amount in ipairs(amounts) do
    local field = string.format('%d:%d', bucket, place)
    redis.call('HINCRBYFLOAT', key, field, text(amount))
  end
  if #amounts > 0 then redis.call('PEXPIRE', key, math.ceil(keep * width * 1000)) end
end

local function buckets(key, count)
  local oldest = math.floor(now / count[2]) - count[3] + 1
  local fields = redis.call('HGETALL', key)
  local found, order = {}, {}
  for i = 1, #fields, 2 do
    local bucket, place = string.match(fields[i], '^(-?%d+):(%d+)$')
    bucket, place = tonumber(bucket), tonumber(place)
    if bucket < oldest then
      redis.call('HDEL', key, fields[i])
    else
      if not found[bucket] then found[bucket] = {}; order[#order + 1] = bucket end
      found[bucket][place] = fields[i + 1]
    end
  end
  local result = {}
  for _, bucket in ipairs(order) do
    result[#result + 1] = text(bucket)
    result[#result + 1] = found[bucket]
  end
  return result, found
end
"""

SCRIPTS: Final = {
    "exchange": _NOW
    + _COUNTS
    + """
local counts = cjson.decode(ARGV[1])
local counted, values = {}, {}
for i, count in ipairs(counts) do add(KEYS[i], count) end
for i, count in ipairs(counts) do counted[i] = buckets(KEYS[i], count) end
for i = #counts + 1, #KEYS do
  values[#values + 1] = redis.call('HMGET', KEYS[i], 'value', 'version')
end
return {text(now), counted, values}
""",
    "reserve": _NOW
    + _COUNTS
    + """
local count, caps = cjson.decode(ARGV[1]), cjson.decode(ARGV[2])
local result, found = buckets(KEYS[1], count)
for place, amount in ipairs(count[4]) do
  local sum = 0
  for _, amounts in pairs(found) do sum = sum + tonumber(amounts[place] or 0) end
  local cap = caps[place]
  if cap ~= cjson.null and sum + amount > cap * (1 + 1e-9) then return {0, result} end
end
add(KEYS[1], count)
result = buckets(KEYS[1], count)
return {1, result}
""",
    # The last argument: 0 all or nothing, 1 what there is, 2 a correction, whatever there is.
    "take": _NOW
    + """
local amount, rate, capacity = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = tonumber(known[1] or capacity), tonumber(known[2] or now)
level = math.min(capacity, level + math.max(0, now - at) * rate)
local granted = amount
if ARGV[4] ~= '2' and amount > level then
  granted = ARGV[4] == '1' and math.max(0, level) or 0
end
local wait = granted < amount and (amount - level) / rate or 0
level = math.min(capacity, level - granted)
redis.call('HSET', KEYS[1], 'level', text(level), 'at', text(now))
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - level) / rate * 1000) + 1000)
return {text(granted), text(level), text(wait)}
""",
    "put": """
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or 0)
local ttl, expected = tonumber(ARGV[2]), tonumber(ARGV[3])
if expected >= 0 and expected ~= version then return 0 end
redis.call('HSET', KEYS[1], 'value', ARGV[1], 'version', version + 1)
if ttl >= 0 then redis.call('PEXPIRE', KEYS[1], ttl) else redis.call('PERSIST', KEYS[1]) end
return version + 1
""",
    "lease": _NOW
    + """
local known = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'until')
local epoch, ends = tonumber(known[2] or 0), tonumber(known[3] or 0)
if known[1] ~= ARGV[1] or ends <= now then
  if ends > now then return 0 end
  epoch = epoch + 1
end
local till = text(now + tonumber(ARGV[2]) / 1000)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'epoch', epoch, 'until', till)
return epoch
""",
    "release": """
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'until', 0)
end
return 1
""",
}
"""By name."""
