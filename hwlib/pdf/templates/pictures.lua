-- Pictures in texts, with the width and height that the text gives them.

local strings = require 'strings'
local pictures = {}

local POINTS = { px = 0.75, pt = 1, [''] = 0.75, ['in'] = 72, cm = 28.35, mm = 2.835, em = 10.5, rem = 10.5, ex = 5 }

-- A length of HTML or CSS as Typst writes it, or "none".
local function length(value)
  local number, unit = (value or ''):lower():match('^%s*(%d*%.?%d+)%s*([a-z%%]*)')
  number = tonumber(number)
  if not number or number == 0 then return 'none' end
  if unit == '%' then return math.min(number, 100) .. '%' end
  return POINTS[unit] and string.format('%.2fpt', math.min(number * POINTS[unit], 2000)) or 'none'
end

local function size_of(image, name)
  local style = ';' .. (image.attributes.style or '')
  return length(style:match('[;%s]' .. name .. '%s*:%s*([^;]+)') or image.attributes[name])
end

local function call(name, image)
  local alt = pandoc.utils.stringify(image.caption)
  if alt == '' then alt = image.title end
  if alt == '' then alt = image.src:find('^data:') and 'picture' or strings.file_of(image.src) end
  return string.format(
    '#%s(%s, %s, %s, %s)', name, strings.typst_string(image.src), strings.typst_string(alt),
    size_of(image, 'width'), size_of(image, 'height')
  )
end

-- The picture that is all of a paragraph; nil if there is more in it.
local function alone(paragraph)
  local found
  for _, element in ipairs(paragraph.content) do
    if element.t == 'Image' and not found then
      found = element
    elseif element.t ~= 'Space' and element.t ~= 'SoftBreak' and element.t ~= 'LineBreak' then
      return nil
    end
  end
  return found
end

-- A filter that shows pictures by the template's functions, and adds their addresses to a list.
function pictures.filter(addresses)
  local function show_paragraph(paragraph)
    local image = alone(paragraph)
    if image then
      addresses:insert(image.src)
      return pandoc.RawBlock('typst', call('picture', image)), false
    end
  end
  local function show_image(image)
    addresses:insert(image.src)
    return pandoc.RawInline('typst', call('inline-picture', image))
  end
  return { traverse = 'topdown', Para = show_paragraph, Plain = show_paragraph, Image = show_image }
end

return pictures
