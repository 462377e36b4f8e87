-- Links: within the notebook by a key of letters and digits, so that Jupyter's, GitHub's and
-- Sphinx's ways to write the address of a heading lead to it.

local strings = require 'strings'
local links = {}

local function typst(text) return pandoc.RawInline('typst', text) end

local function decode(address)
  return (address:gsub('%%(%x%x)', function(code) return string.char(tonumber(code, 16)) end))
end

-- What is left of a heading's words, or of an address: letters and digits in lower case.
local function key_of(name)
  local text = decode(name)
  text = utf8.len(text) and pandoc.text.lower(text) or name
  return 'at-' .. text:gsub('[%p%s%c]', '')
end

local function anchor(name)
  return typst('#anchor(' .. strings.typst_string(key_of(name)) .. ')')
end

local function show_link(link)
  local target = link.target
  if target:sub(1, 1) == '#' and #target > 1 then
    local opening = typst('#goto(' .. strings.typst_string(key_of(target:sub(2))) .. ')[')
    return pandoc.Inlines({ opening }) .. link.content .. pandoc.Inlines({ typst(']') })
  end
  if target == '' or target == '#' or target:find('^javascript:') or target:find('^attachment:') or target:find('^data:') then
    return link.content
  end
  link.attr = pandoc.Attr()
  return link
end

-- A span's identifier, which other places of the notebook link to.
local function show_span(span)
  if span.identifier == '' then return nil end
  local place = anchor(span.identifier)
  span.identifier = ''
  return { place, span }
end

-- A heading's own key, which follows from its words; other identifiers stand before it.
local function show_header(header)
  local before = pandoc.Inlines({})
  local function take(span)
    if span.identifier ~= '' then before:insert(anchor(span.identifier)) end
    return span.content
  end
  local words = pandoc.utils.stringify(header)
  local function plain(link)
    if link.target:sub(1, 1) == '#' then return link.content end -- bookmarks hold no such links
  end
  header.content = header.content:walk({ Span = take, Link = plain })
  if header.identifier ~= '' and key_of(header.identifier) ~= key_of(words) then
    before:insert(anchor(header.identifier))
  end
  header.identifier = key_of(words)
  if #before == 0 then return header end
  return { pandoc.Plain(before), header }
end

local function show_div(div)
  if div.identifier == '' then return nil end
  local place = pandoc.Plain({ anchor(div.identifier) })
  div.identifier = ''
  return { place, div }
end

links.headings = { Header = show_header, Div = show_div }
links.filter = { Link = show_link, Span = show_span }
return links
