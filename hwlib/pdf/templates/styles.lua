-- Colours of tables' cells, as pandas' Styler writes them. Nothing but numbers and checked colours
-- becomes Typst code.

local styles = {}

local NAMES = {
  black = '#000000', white = '#ffffff', red = '#ff0000', green = '#008000', blue = '#0000ff',
  yellow = '#ffff00', orange = '#ffa500', pink = '#ffc0cb', purple = '#800080', gray = '#808080', grey = '#808080',
  lightgreen = '#90ee90', lightblue = '#add8e6', lightgray = '#d3d3d3', lightgrey = '#d3d3d3', lime = '#00ff00',
  cyan = '#00ffff', magenta = '#ff00ff', brown = '#a52a2a', gold = '#ffd700', salmon = '#fa8072',
  coral = '#ff7f50', tomato = '#ff6347', darkgreen = '#006400', darkred = '#8b0000', darkblue = '#00008b',
  darkorange = '#ff8c00', navy = '#000080', teal = '#008080', khaki = '#f0e68c', lavender = '#e6e6fa',
  lightyellow = '#ffffe0', lightcoral = '#f08080', lightpink = '#ffb6c1', skyblue = '#87ceeb', violet = '#ee82ee',
  palegreen = '#98fb98', aqua = '#00ffff', crimson = '#dc143c', royalblue = '#4169e1', silver = '#c0c0c0',
}

-- A colour as Typst writes it; nil if it is none that is known.
local function to_typst(colour)
  colour = colour:lower():gsub('%s', ''):gsub('!important', '')
  local hex = NAMES[colour] or colour:match('^#%x%x%x%x%x%x$') or colour:match('^#%x%x%x$')
  if hex then return 'rgb("' .. hex .. '")' end
  local r, g, b = colour:match('^rgba?%((%d+),(%d+),(%d+)')
  if r and math.max(tonumber(r), tonumber(g), tonumber(b)) < 256 then
    return string.format('rgb(%d, %d, %d)', r, g, b)
  end
end

-- A bar within a cell: a gradient from one colour to another without a passage between them.
local function to_bar(value)
  local stops, last, final = {}, 0, nil
  for colour, share in value:gmatch('([#%w]+)%s+([%d.]+)%%') do
    local paint = colour == 'transparent' and 'white' or to_typst(colour)
    if not paint or not tonumber(share) then return nil end
    if #stops == 0 then stops[1] = '(' .. paint .. ', 0%)' end
    last = math.max(last, math.min(100, tonumber(share)))
    stops[#stops + 1] = string.format('(%s, %.2f%%)', paint, last)
    final = paint
  end
  if not final then return nil end
  stops[#stops + 1] = '(' .. final .. ', 100%)'
  return 'gradient.linear(' .. table.concat(stops, ', ') .. ')'
end

local function read_declarations(text)
  local found = {}
  for name, value in text:gmatch('([%w-]+)%s*:%s*([^;]+)') do
    name = name:lower()
    if name == 'color' then found['typst:text:fill'] = to_typst(value) end
    if name == 'background-color' or name == 'background' then
      found['typst:fill'] = value:find('gradient') and to_bar(value) or to_typst(value)
    end
    if name == 'font-weight' and value:find('bold') then found['typst:text:weight'] = '"bold"' end
    if name == 'font-style' and value:find('italic') then found['typst:text:style'] = '"italic"' end
  end
  return found
end

-- What the style sheets of an HTML text say of each identifier.
function styles.read(html)
  local found = {}
  for sheet in html:gmatch('<[sS][tT][yY][lL][eE][^>]*>(.-)</[sS][tT][yY][lL][eE]>') do
    for selectors, body in sheet:gmatch('([^{}]+){([^{}]*)}') do
      local declarations = read_declarations(body)
      for identifier in selectors:gmatch('#([%w_-]+)%s*%f[,%s\0]') do
        found[identifier] = declarations
      end
    end
  end
  return found
end

-- The attributes for Typst of a cell, by its identifier and its own style.
function styles.of(cell, sheet)
  local own, result = read_declarations(cell.attributes.style or ''), {}
  for _, name in ipairs({ 'typst:fill', 'typst:text:fill', 'typst:text:style', 'typst:text:weight' }) do
    local value = own[name] or (sheet[cell.identifier] or {})[name]
    if value then result[#result + 1] = { name, value } end
  end
  return result
end

-- How bright a colour is, from 0 to 1.
local function brightness(paint)
  local r, g, b = paint:match('^rgb%((%d+), (%d+), (%d+)%)$')
  if r then return (0.3 * r + 0.59 * g + 0.11 * b) / 255 end
  local hex = paint:match('#(%x+)')
  if #hex == 3 then hex = hex:gsub('%x', '%0%0') end
  r, g, b = tonumber(hex:sub(1, 2), 16), tonumber(hex:sub(3, 4), 16), tonumber(hex:sub(5, 6), 16)
  return (0.3 * r + 0.59 * g + 0.11 * b) / 255
end

-- A span with its identifier, its class if it is a known one, and a colour that is seen on white.
function styles.of_span(span)
  local own, kept, class = read_declarations(span.attributes.style or ''), {}, {}
  local fill = own['typst:text:fill']
  if fill and brightness(fill) < 0.65 then kept = { { 'typst:text:fill', fill } } end
  for _, name in ipairs({ 'mark', 'kbd' }) do
    if span.classes:includes(name) then class = { name } end
  end
  span.attr = pandoc.Attr(span.identifier, class, kept)
  return span
end

return styles
