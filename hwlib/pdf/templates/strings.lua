-- Small helpers for strings (the name "text" is taken by a module of pandoc).

local strings = {}

function strings.typst_string(value)
  return '"' .. value:gsub('\\', '\\\\'):gsub('"', '\\"'):gsub('\n', ' ') .. '"'
end

-- What stands behind an address's last slash, without a query. (A pattern for an address's end alone
-- is tried at each of its letters, which took seconds for the picture that an address may hold.)
function strings.file_of(address) return (address:gsub('[?#].*', ''):gsub('^.*/', '')) end

return strings
