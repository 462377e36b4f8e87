-- Reads Markdown and HTML. Nothing is fetched: the readers run in pandoc's sandbox, and what a
-- browser would load becomes a link to its address.

local tables = require 'tables'
local reading = {}
local HTML = 'html'
local NO_FILES = {} -- of the reader's sandbox
local EMBEDDING = { iframe = 'src', embed = 'src', object = 'data' } -- tags, and where the address is

local function attribute(tag, name)
  local before = '%s' .. name .. '%s*=%s*'
  return tag:match(before .. '"([^"]*)"') or tag:match(before .. "'([^']*)'") or tag:match(before .. '([^%s>"\']+)')
end

local function link_to(tag, name)
  local address = attribute(tag, name)
  if not address or address == '' or address:find('^data:') then return '<em>embedded page</em>' end
  return '<a href="' .. address:gsub('"', '&quot;') .. '">' .. address:gsub('<', '&lt;') .. '</a> '
end

-- The text of an opening or closing tag becomes that of a link, if it would load something.
local function replace_tag(tag)
  local closing, name = tag:match('^<(/?)(%a+)')
  local source = EMBEDDING[name:lower()]
  if source then return closing == '' and link_to(tag, source) or '' end
end

local quoted = lpeg.P('"') * (1 - lpeg.P('"')) ^ 0 * '"' + lpeg.P("'") * (1 - lpeg.P("'")) ^ 0 * "'"
local tag = '<' * lpeg.P('/') ^ -1 * lpeg.R('az', 'AZ') ^ 1 * (quoted + (1 - lpeg.P('>'))) ^ 0 * '>'
local comment = '<!--' * (1 - lpeg.P('-->')) ^ 0 * '-->'
local all_tags = lpeg.Cs((comment + lpeg.C(tag) / replace_tag + 1) ^ 0)

local function read_html(html)
  return pandoc.read((all_tags:match(tables.close_tags(html)):gsub('</?center>', '')), HTML, nil, NO_FILES)
end

-- Markdown with HTML in it is written as HTML and read again, so that tags mean what they mean
-- in a browser.
local function read_markdown(piece)
  local document = pandoc.read(piece.text .. '\n', piece.format, nil, NO_FILES) -- tables need their last end of line
  local has_html = false
  local function note_html(raw)
    has_html = has_html or raw.format == 'html'
  end
  document:walk({ RawInline = note_html, RawBlock = note_html })
  if not has_html then return document end
  local options = pandoc.WriterOptions({ html_math_method = 'mathjax' })
  return read_html(pandoc.write(document, 'html', options))
end

local function is_remote(image)
  return image.src:find('^%a[%w+.-]*://') or image.src:find('^//')
end

-- Remote pictures are links to their addresses; within a link their alternative texts.
local function words_for(image)
  if not is_remote(image) then return nil end
  return #image.caption > 0 and image.caption or pandoc.Inlines({ pandoc.Str(image.src) })
end
local link_pictures = {
  traverse = 'topdown',
  Link = function(link)
    link.content = link.content:walk({ Image = words_for })
    return link, false
  end,
  Image = function(image)
    local words = words_for(image)
    return words and pandoc.Link(words, image.src)
  end,
}

function reading.read(piece)
  local document = piece.format == 'html' and read_html(piece.text) or read_markdown(piece)
  return document:walk(link_pictures)
end

return reading
