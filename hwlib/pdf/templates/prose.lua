-- Words, raw code, and the direction of writing.

local prose = {}
local LONG = 30 -- letters of a word that may be broken anywhere

local function make_breakable(element)
  if utf8.len(element.text) <= LONG and not element.text:find('%w://') then return element end
  return pandoc.Inlines({ pandoc.RawInline('typst', '#breakable['), element, pandoc.RawInline('typst', ']') })
end

-- Typst would take ".b" behind bold or a formula for one of its fields.
local function show_word(word)
  if not word.text:find('^%.%a') then return make_breakable(word) end
  local rest = pandoc.Str(word.text:sub(2))
  return pandoc.Inlines({ pandoc.RawInline('typst', '\\.'), rest })
end

local function show_raw(element)
  return function(raw) return raw.format == 'html' and {} or element(raw.text) end
end

-- No text can hold Typst code: raw code is shown as text.
prose.raw = {
  RawInline = show_raw(pandoc.Code),
  RawBlock = show_raw(pandoc.CodeBlock),
}
prose.words = { Str = show_word, Code = make_breakable }

local function is_right_to_left(code) return code >= 0x590 and code < 0x900 or code >= 0xFB1D and code < 0xFEFD end
local function is_left_to_right(code)
  return code < 0x80 and utf8.char(code):find('%a') or code > 0xBF and not is_right_to_left(code) and code < 0x2000
end

-- Hebrew ("he") or Arabic ("ar") if most letters of a block's words are; code and captions do not
-- count.
local function reversed_language(block)
  local balance, hebrew = 0, 0
  local function count(word)
    for _, code in utf8.codes(word.text) do
      if is_right_to_left(code) then balance = balance + 1 end
      if is_left_to_right(code) then balance = balance - 1 end
      if code >= 0x590 and code < 0x600 then hebrew = hebrew + 1 end
    end
  end
  if block.t == 'Table' then block.caption = { long = {} } end
  pandoc.Blocks({ block }):walk({ Str = count })
  return balance > 0 and (hebrew > 0 and 'he' or 'ar') or nil
end

-- Sets the direction of each block from its letters, unless the text itself has said it.
function prose.set_direction(blocks)
  local result, open = pandoc.Blocks({}), pandoc.List()
  for _, block in ipairs(blocks) do
    local raw = block.t == 'RawBlock' and block.text
    if raw == ']' then
      open:remove()
    elseif raw and raw ~= '][' and not raw:find('^#picture%(') then
      open:insert(raw)
    end
    local is_said = open:find_if(function(text) return text:find('dir: ', 1, true) end)
    local language = not raw and not is_said and reversed_language(block:clone())
    if language then result:insert(pandoc.RawBlock('typst', '#[#set text(dir: rtl, lang: "' .. language .. '")')) end
    result:insert(block)
    if language then result:insert(pandoc.RawBlock('typst', ']')) end
  end
  return result
end

return prose
