-- Paragraphs, headings, links, pictures in texts, and the direction of writing.

local strings = require 'strings'
local prose = {}

-- Long words may be broken anywhere, as addresses must be.
local function make_breakable(element)
  if utf8.len(element.text) > 30 then
    element.text = element.text:gsub(('.'):rep(20):gsub('%.', utf8.charpattern), '%0\u{200b}')
    return element
  end
end

local function show_raw(element)
  return function(raw) return raw.format == 'html' and {} or element(raw.text) end
end

-- What Typst is spared: raw code, boxes, and identifiers, of which two headings may share one.
prose.plain = {
  RawInline = show_raw(pandoc.Code),
  RawBlock = show_raw(pandoc.CodeBlock),
  Link = function(link) -- a link within the notebook has no target here
    if link.target:sub(1, 1) == '#' then return link.content end
  end,
  Header = function(header)
    header.identifier = ''
    return header
  end,
  Div = function(div) return div.content end,
  Figure = function(figure) return figure.content end,
  Str = make_breakable,
  Code = make_breakable,
}

-- A filter that shows pictures by the template's function, and adds their addresses to a list.
function prose.with_pictures(addresses)
  local function show_picture(image)
    addresses:insert(image.src)
    local alt = strings.typst_string(pandoc.utils.stringify(image.caption))
    local call = '#picture(' .. strings.typst_string(image.src) .. ', ' .. alt .. ')'
    return pandoc.RawInline('typst', call)
  end
  return { Image = show_picture }
end

-- Whether the first letter is Hebrew or Arabic.
local function is_right_to_left(element)
  for _, code in utf8.codes(pandoc.utils.stringify(element)) do
    if code >= 0x590 and code < 0x900 then return true end
    if code > 0xBF or utf8.char(code):find('%a') then return false end
  end
  return false
end

function prose.set_direction(blocks)
  local result = pandoc.Blocks({})
  for _, block in ipairs(blocks) do
    local reverse = is_right_to_left(block)
    if reverse then result:insert(pandoc.RawBlock('typst', '#[#set text(dir: rtl)')) end
    result:insert(block)
    if reverse then result:insert(pandoc.RawBlock('typst', ']')) end
  end
  return result
end

return prose
