-- Reads Markdown and HTML. Nothing is fetched: the readers run in pandoc's sandbox, and what a
-- browser would load becomes a link to its address.

local strings = require 'strings'
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

-- The name of a film or sound, as a link to its address, in place of the tag and all within it.
local function media_link(element)
  local kind = element:match('^<(%a+)'):lower()
  local address = attribute(element:match('^<[^>]*>'), 'src') or attribute(element:match('<[sS][oO][uU][rR][cC][eE]%s[^>]*>') or '', 'src')
  if not address or address == '' or address:find('^data:') then return '<em>(' .. kind .. ')</em>' end
  local name = (address:find('/$') and address or strings.file_of(address)):gsub('<', '&lt;')
  return '<em>(' .. kind .. ': <a href="' .. address:gsub('"', '&quot;') .. '">' .. name .. '</a>)</em>'
end

-- A function that returns the text of an opening or closing tag as pandoc is to read it: what would
-- load something becomes a link, and what pandoc would pass over becomes a div or a span.
local function tag_reader()
  local in_line, has_item = false, false -- a list whose items stand side by side, as R's vectors do
  local function inline_list(closing, name, tag)
    if name ~= 'li' then
      local opens = closing == '' and tag:find('list%-inline') ~= nil
      local before = in_line and '</p>' or opens and '<p>' or tag
      in_line, has_item = opens, false
      return before
    end
    if not in_line then return tag end
    local separator = closing == '' and has_item and ' · ' or ''
    has_item = true
    return separator
  end
  local is_open = false -- a paragraph that was written as a div, since pandoc drops its attributes
  local function paragraph(closing, tag)
    local before = is_open and '</div>' or ''
    if closing == '/' then
      is_open = false
      return before ~= '' and before or tag
    end
    local has_layout = tag:find('%salign%s*=') or tag:find('%sdir%s*=') or tag:find('text%-align')
    is_open = has_layout ~= nil
    return before .. (is_open and '<div' .. tag:sub(3) or tag)
  end
  return function(tag)
    local closing, name = tag:match('^<(/?)(%a%w*)')
    name = name:lower()
    local source, is_opening = EMBEDDING[name], closing == ''
    if source then return is_opening and link_to(tag, source) or '' end
    if name == 'details' or name == 'summary' then
      return is_opening and '<div class="' .. name .. '">' or '</div>'
    elseif name == 'video' or name == 'audio' then -- one that is not closed
      return is_opening and media_link(tag) or ''
    elseif name == 'center' then
      return is_opening and '<div align="center">' or '</div>'
    elseif name == 'font' then
      local colour = is_opening and attribute(tag, 'color') or ''
      return is_opening and '<span style="color: ' .. colour:gsub('["<>&]', '') .. '">' or '</span>'
    elseif name == 'p' then
      return paragraph(closing, tag)
    elseif name == 'li' or name == 'ol' or name == 'ul' then
      return inline_list(closing, name, tag)
    end
    return tag
  end
end

local quoted = lpeg.P('"') * (1 - lpeg.P('"')) ^ 0 * '"' + lpeg.P("'") * (1 - lpeg.P("'")) ^ 0 * "'"
local tag = '<' * lpeg.P('/') ^ -1 * lpeg.R('az', 'AZ') ^ 1 * (quoted + (1 - lpeg.P('>'))) ^ 0 * '>'
local comment = '<!--' * (1 - lpeg.P('-->')) ^ 0 * '-->'

local function any_case(name)
  local pattern = lpeg.P(true)
  for letter in name:gmatch('.') do pattern = pattern * lpeg.S(letter .. letter:upper()) end
  return pattern
end

local function media_element(name)
  local ending = '</' * any_case(name) * lpeg.P(' ') ^ 0 * '>'
  return '<' * any_case(name) * #lpeg.S('> \t\n/') * (1 - ending) ^ 0 * ending
end
local media = media_element('video') + media_element('audio')

local function read_html(html)
  local all_tags = lpeg.Cs((comment + lpeg.C(media) / media_link + lpeg.C(tag) / tag_reader() + 1) ^ 0)
  return pandoc.read(all_tags:match(tables.close_tags(html)), HTML, nil, NO_FILES)
end

local MEDIA = { mp4 = 'video', webm = 'video', ogv = 'video', mov = 'video', avi = 'video', mkv = 'video', m4v = 'video',
  mp3 = 'audio', wav = 'audio', ogg = 'audio', flac = 'audio', m4a = 'audio', aac = 'audio', oga = 'audio' }

-- A film or sound that is written as a picture: its words, or its name, as a link.
local function link_media(image)
  if image.src:find('^data:') then return nil end
  local name = strings.file_of(image.src)
  local kind = MEDIA[(name:match('%.(%w+)$') or ''):lower()]
  if not kind then return nil end
  local words = #image.caption > 0 and image.caption or pandoc.Inlines({ pandoc.Str(name) })
  local shown = pandoc.Inlines({ pandoc.Str('(' .. kind .. ':'), pandoc.Space(), pandoc.Link(words, image.src), pandoc.Str(')') })
  return pandoc.Emph(shown)
end

-- Markdown with HTML in it is written as HTML and read again, so that tags mean what they mean
-- in a browser.
local function read_markdown(piece)
  local document = pandoc.read(piece.text .. '\n', piece.format, nil, NO_FILES) -- tables need their last end of line
  document = document:walk({ Image = link_media })
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

-- An address in few characters: its host and the name of its file.
local function shorten(address)
  local host, path = address:match('^%a[%w+.-]*://([^/?#]+)([^?#]*)')
  if not host or #address <= 40 then return address end
  local name = strings.file_of(path)
  return host .. (name ~= '' and '/…/' .. name:sub(-30) or '/…')
end

local function words_of(image)
  if not is_remote(image) then return nil end
  return #image.caption > 0 and image.caption or pandoc.Inlines({ pandoc.Str(shorten(image.src)) })
end

-- Remote pictures are links to their addresses; within a link or a heading their alternative texts.
local link_pictures = {
  traverse = 'topdown',
  Header = function(header)
    header.content = header.content:walk({
      Image = function(image) return is_remote(image) and image.caption or nil end,
      LineBreak = function() return pandoc.Space() end, -- bookmarks end there
    })
    return header
  end,
  Link = function(link)
    link.content = link.content:walk({ Image = words_of })
    return link, false
  end,
  Image = function(image)
    local words = words_of(image)
    return words and pandoc.Link(words, image.src)
  end,
}

function reading.read(piece)
  local document = piece.format == 'html' and read_html(piece.text) or read_markdown(piece)
  return document:walk({ Image = link_media }):walk(link_pictures)
end

return reading
