-- Boxes, alignment, captions and levels of headings. What a text's author writes is reduced to the
-- names of a fixed list, so that no attribute can become Typst code.

local layout = {}

local ALERTS = { -- a class in HTML or of a GitHub alert → the kind of a box
  ['alert-info'] = 'info', ['alert-success'] = 'success', ['alert-warning'] = 'warning', ['alert-danger'] = 'danger',
  note = 'info', tip = 'success', important = 'info', warning = 'warning', caution = 'danger', danger = 'danger',
  alert = 'plain', admonition = 'plain', details = 'plain',
}
local CALLS = {
  info = '#boxed("info")[', success = '#boxed("success")[', warning = '#boxed("warning")[',
  danger = '#boxed("danger")[', plain = '#boxed("plain")[', summary = '#strong[',
  center = '#align(center)[', right = '#align(right)[',
  introduction = '#introduction[', rtl = '#[#set text(dir: rtl)', ltr = '#[#set text(dir: ltr)',
}

local function has_frame(style)
  for name, value in style:lower():gmatch('([%w-]+)%s*:%s*([^;]+)') do
    local is_frame = name == 'border' or name == 'border-left' or name:find('^background')
    if is_frame and not value:find('none') and not value:find('^0') and not value:find('transparent') then return true end
  end
  return false
end

local function kind_of(div)
  local kind
  for _, class in ipairs(div.classes) do
    if not kind or kind == 'plain' then kind = ALERTS[class:lower()] or kind end
  end
  return kind or (has_frame(div.attributes.style or '') and 'plain' or nil)
end

local function alignment_of(element)
  local style = (element.attributes.style or ''):lower()
  local name = (element.attributes.align or style:match('text%-align%s*:%s*(%a+)') or ''):lower()
  return (name == 'center' or name == 'right') and name or nil
end

-- The names, of those in CALLS, that hold for a block with attributes.
local function names_of(element)
  local names = pandoc.List()
  if element.t == 'Div' and element.classes:includes('summary') then names:insert('summary') end
  local direction = (element.attributes.dir or ''):lower()
  for _, name in ipairs({ direction, alignment_of(element) or '', element.t == 'Div' and kind_of(element) or '' }) do
    if CALLS[name] then names:insert(name) end
  end
  return names
end

-- First of all: a block keeps its identifier and the names of the list.
function layout.reduce(element)
  element.attr = pandoc.Attr(element.identifier, names_of(element))
  return element
end

local function typst(text) return pandoc.RawBlock('typst', text) end

local function wrap(blocks, names)
  for _, name in ipairs(names) do
    if CALLS[name] then
      blocks:insert(1, typst(CALLS[name]))
      blocks:insert(typst(']'))
    end
  end
  return blocks
end

-- What is not followed by its own list is a paragraph, or it runs together with the next one.
local function end_paragraphs(blocks)
  for number, block in ipairs(blocks) do
    local follower = blocks[number + 1]
    if block.t == 'Plain' and follower and follower.t ~= 'BulletList' and follower.t ~= 'OrderedList' then
      blocks[number] = pandoc.Para(block.content)
    end
  end
  return blocks
end

-- What introduces the next block: a text that ends with a colon, or a short one before a table, a
-- figure or code.
local SHOWN = { Table = true, Figure = true, CodeBlock = true }
local SHORT = 200 -- bytes
local function introduces(block, follower)
  if block.t ~= 'Para' then return false end
  local words = pandoc.utils.stringify(block)
  if words:find(':%s*$') or words:find('：%s*$') then return true end
  return follower ~= nil and SHOWN[follower.t] ~= nil and #words < SHORT
end

-- First of all that becomes raw text: a page's end does not part an introduction from what it
-- introduces, which may stand in the next cell.
function layout.keep_introductions(blocks)
  local result = pandoc.Blocks({})
  for number, block in ipairs(blocks) do
    local is_introduction = introduces(block, blocks[number + 1])
    result:insert(is_introduction and pandoc.Div({ block }, pandoc.Attr('', { 'introduction' })) or block)
  end
  return result
end

local function show_div(div)
  local blocks = div.content:map(function(block)
    return block.t == 'Plain' and pandoc.Para(block.content) or block
  end)
  return wrap(pandoc.Blocks(blocks), div.classes)
end

local function show_figure(figure)
  if #figure.caption.long == 0 then return figure.content end
  local blocks = pandoc.Blocks({ typst('#captioned[') })
  blocks:extend(figure.content)
  blocks:insert(typst(']['))
  blocks:extend(figure.caption.long)
  blocks:insert(typst(']'))
  return blocks
end

local function show_header(header)
  local names = header.classes
  header.attr = pandoc.Attr(header.identifier)
  return wrap(pandoc.Blocks({ header }), names)
end

local function starts_caption(block)
  if not block or block.t ~= 'Para' and block.t ~= 'Plain' or #block.content == 0 then return false end
  local words, first = pandoc.utils.stringify(block), block.content[1].t
  local is_styled = #block.content == 1 and (first == 'Emph' or first == 'Strong')
  return #words < 300 and (is_styled or words:find('^Fig[%a.]* ?%d') ~= nil)
end

-- A picture and the caption below it are a figure.
layout.captions = {
  Blocks = function(blocks)
    local result, skip = pandoc.Blocks({}), false
    for number, block in ipairs(blocks) do
      local follower = blocks[number + 1]
      local is_picture = (block.t == 'Para' or block.t == 'Plain') and #block.content == 1 and block.content[1].t == 'Image'
      if skip then
        skip = false
      elseif is_picture and starts_caption(follower) then
        result:insert(pandoc.Figure({ block }, { long = { pandoc.Plain(follower.content) } }))
        skip = true
      else
        result:insert(block)
      end
    end
    return result
  end,
}

local function show_span(span)
  if not span.classes:includes('kbd') then return nil end
  return pandoc.Inlines({ pandoc.RawInline('typst', '#kbd[') }) .. span.content .. pandoc.Inlines({ pandoc.RawInline('typst', ']') })
end

layout.filter = { Blocks = end_paragraphs, Span = show_span, Div = show_div, Figure = show_figure, Header = show_header }

-- A filter that gives headings levels of which none is skipped; the title stands above all. What
-- has no words is no heading.
function layout.levels()
  local above = pandoc.List({ 1 })
  return {
    Header = function(header)
      if pandoc.utils.stringify(header) == '' then return pandoc.Para(header.content) end
      while #above > 0 and above:at(-1) >= header.level do above:remove() end
      above:insert(header.level)
      header.level = #above
      return header
    end,
  }
end

-- The words of a heading, in which the marks of formulas stand.
local function words_of(header)
  local written = header:walk({
    Note = function() return {} end,
    Math = function(element) return pandoc.Str(element.text:match('^\u{e000}%d+\u{e001}') or element.text) end,
  })
  return pandoc.utils.stringify(written)
end

-- The title of a notebook: its words, its heading (the first of level 1), and the number of its
-- piece; nil if there is none. It is taken from its text if it stands in the first cell, or is the
-- only one of its level.
function layout.take_title(documents, pieces)
  local found, count = nil, 0
  for number, document in ipairs(documents) do
    for place, block in ipairs(pieces[number].is_output and {} or document.blocks) do
      if block.t == 'Header' and block.level == 1 and pandoc.utils.stringify(block) ~= '' then
        count = count + 1
        found = found or { words = words_of(block), heading = block:clone(), piece = number, place = place }
      end
    end
  end
  if not found then return nil end
  found.is_taken = count == 1 or pieces[found.piece].is_first
  if found.is_taken then
    documents[found.piece].blocks:remove(found.place)
  else
    found.heading.identifier = '' -- links lead to the other one
  end
  return found
end

return layout
