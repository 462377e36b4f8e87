-- Formulas: for each, a mark stands in the text that pandoc has read, see hwlib/pdf/equations.py.

local strings = require 'strings'
local maths = {}
local OPEN, CLOSE = '\u{e000}', '\u{e001}'
local PLACE = OPEN .. '(%d+)' .. CLOSE

-- A text with formulas in it as inline elements; nil if there is none.
local function with_formulas(text, formulas)
  local result, position = pandoc.Inlines({}), 1
  for before, number, after in text:gmatch('()' .. PLACE .. '()') do
    local formula = formulas[tonumber(number) + 1]
    if before > position then result:insert(pandoc.Str(text:sub(position, before - 1))) end
    local kind = formula[2] and 'DisplayMath' or 'InlineMath'
    result:insert(pandoc.Math(kind, OPEN .. number .. CLOSE .. formula[3]))
    position = after
  end
  if #result == 0 then return nil end
  if position <= #text then result:insert(pandoc.Str(text:sub(position))) end
  return result
end

-- The document with its formulas as elements, which hold their numbers and letters, and the numbers
-- of those within code, which stand there as they were written.
function maths.restore(document, formulas)
  local unset = pandoc.List()
  local function source(number)
    unset:insert(tonumber(number))
    return formulas[tonumber(number) + 1][1]
  end
  local function in_text(element)
    if element.text:find(OPEN, 1, true) then
      element.text = element.text:gsub(PLACE, source)
      return element
    end
  end
  local function in_address(name)
    return function(element)
      if element[name]:find(OPEN, 1, true) then
        element[name] = element[name]:gsub(PLACE, source)
        return element
      end
    end
  end
  document = document:walk({
    Str = function(element) return with_formulas(element.text, formulas) end,
    Code = in_text, CodeBlock = in_text, RawInline = in_text, RawBlock = in_text,
    Link = in_address('target'), Image = in_address('src'),
  })
  return document, unset
end

-- The numbers of the formulas that stand in a block.
function maths.numbers_in(block)
  local numbers = pandoc.List()
  block:walk({
    Math = function(element)
      local number = element.text:match('^' .. PLACE)
      if number then numbers:insert(tonumber(number)) end
    end,
  })
  return numbers
end

-- A formula that pandoc itself has found, as in MathML, is set by it.
local function set(element)
  local number = element.text:match('^' .. PLACE)
  if number then return pandoc.RawInline('typst', '#formula(' .. number .. ')') end
  local alt = strings.typst_string(element.text)
  return { pandoc.RawInline('typst', '#with-alt(' .. alt .. ')['), element, pandoc.RawInline('typst', ']') }
end

local function set_in_heading(element)
  local number = element.text:match('^' .. PLACE)
  return number and pandoc.RawInline('typst', '#formula(' .. number .. ', in-heading: true)')
end

maths.headings = {
  Header = function(header)
    header.content = header.content:walk({ Math = set_in_heading })
    return header
  end,
}
maths.filter = { Math = set }
return maths
