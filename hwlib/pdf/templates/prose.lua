-- Words, raw code, and the direction of writing.

local strings = require 'strings'
local prose = {}
local LONG = 30 -- letters of a word that may be broken anywhere

-- Addresses, and characters without a font, which stand as U+XXXX, may be broken as well.
local function make_breakable(element)
  local text = element.text
  if utf8.len(text) <= LONG and not text:find('%w://') and not text:find('U%+%x%x%x%x') then return element end
  return pandoc.Inlines({ pandoc.RawInline('typst', '#breakable['), element, pandoc.RawInline('typst', ']') })
end

-- Typst would take ".b" behind bold or a formula for one of its fields, "--" for a dash, "..." for
-- one character and "-?" for none.
local function show_word(word)
  local text = word.text
  if text:find('%-%-') or text:find('%.%.%.') or text:find('%-%?') then
    return make_breakable(pandoc.RawInline('typst', '#' .. strings.typst_string(text) .. ';'))
  end
  if not text:find('^%.%a') then return make_breakable(word) end
  return pandoc.Inlines({ pandoc.RawInline('typst', '\\.'), pandoc.Str(text:sub(2)) })
end

-- Typst would take "1.", "-", "+", "=" or "/" before the words of a link, a colour or a table's cell
-- for the beginning of a list or a heading.
local function show_first_words(inlines)
  for number, word in ipairs(inlines) do
    local before = inlines[number - 1]
    local is_first = not before or before.t == 'RawInline' and before.text:find('%[$')
    local text = is_first and word.t == 'Str' and word.text or ''
    if text:find('^%d+%.$') or text:find('^[-+/]$') or text:find('^=+$') then
      inlines[number] = pandoc.RawInline('typst', (text:gsub('[-+/=.]', '\\%0')))
    end
  end
  return inlines
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
prose.first_words = { Inlines = show_first_words }

local function is_right_to_left(code) return code >= 0x590 and code < 0x900 or code >= 0xFB1D and code < 0xFEFD end
local function is_left_to_right(code)
  return code < 0x80 and utf8.char(code):find('%a') or code > 0xBF and not is_right_to_left(code) and code < 0x2000
end

-- Hebrew ("he") or Arabic ("ar") if most letters of a block's words are, or the first and a third of
-- all; code and captions do not count.
local function reversed_language(block)
  local reversed, others, hebrew, begins = 0, 0, 0, nil
  local function count(word)
    for _, code in utf8.codes(word.text) do
      local is_reversed = is_right_to_left(code)
      if is_reversed then reversed = reversed + 1 end
      if is_left_to_right(code) then others = others + 1 end
      if code >= 0x590 and code < 0x600 then hebrew = hebrew + 1 end
      if begins == nil and reversed + others > 0 then begins = is_reversed end
    end
  end
  if block.t == 'Table' then block.caption = { long = {} } end
  pandoc.Blocks({ block }):walk({ Str = count })
  local is_reversed = reversed > others or begins and 2 * reversed > others
  return is_reversed and (hebrew > 0 and 'he' or 'ar') or nil
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
