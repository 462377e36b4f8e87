-- Small helpers for strings (the name "text" is taken by a module of pandoc).

local strings = {}

function strings.typst_string(value)
  return '"' .. value:gsub('\\', '\\\\'):gsub('"', '\\"'):gsub('\n', ' ') .. '"'
end

return strings
