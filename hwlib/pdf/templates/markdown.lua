-- Turns pieces of Markdown and HTML into Typst markup, all in one process.
-- In, as JSON: a list of {format, text}. Out, as JSON: a list of {markup, pictures, headings, words,
-- cells, spans}: words are the runs of text between maths and pictures, the others those in tables.
-- No text can become Typst code: raw Typst is shown as text, and pandoc escapes the rest.

local pieces = pandoc.json.decode(io.read('a'), false)
local HTML = 'html+tex_math_single_backslash'

local function typst_string(text)
  return '"' .. text:gsub('\\', '\\\\'):gsub('"', '\\"'):gsub('\n', ' ') .. '"'
end

-- Markdown with HTML in it is written as HTML and read again, so that tags mean what they mean
-- in a browser.
local function read(piece)
  local document = pandoc.read(piece.text .. '\n', piece.format) -- tables need their last end of line
  local has_html = false
  local function note_html(raw)
    has_html = has_html or raw.format == 'html'
  end
  document:walk({ RawInline = note_html, RawBlock = note_html })
  if not has_html then
    return document
  end
  local options = pandoc.WriterOptions({ html_math_method = 'mathjax' })
  local html = pandoc.write(document, 'html', options)
  return pandoc.read((html:gsub('</?center>', '')), HTML)
end

-- Names that Typst has changed since pandoc learnt them, and what pandoc writes too wide or wrong.
local function mend(maths)
  return maths
    :gsub('([a-z])%.circle', '%1.o')
    :gsub('%f[%a]sect%f[^%a]', 'inter')
    :gsub('delim: "||"', 'delim: "|"')
    :gsub('([^\\ ]) +\\|', '%1\\|')
    :gsub('\\| +', '\\|')
end

-- One \\tag is set at the margin, several stand at the ends of their lines.
local function maths(element)
  local number = element.text:match('\\tag{([^}]*)}')
  local _, tags = element.text:gsub('\\tag{', '')
  local in_place = tags > 1 or element.text:find('\\begin{[ag][al][it]') -- align, gather
  local rest = in_place and '\\qquad \\text{(%1)}' or ''
  element.text = element.text:gsub('\\tag{([^}]*)}', rest)
  local alone = pandoc.Pandoc({ pandoc.Plain({ element }) })
  local markup = mend(pandoc.write(alone, 'typst'):gsub('%s+$', ''))
  if number and not in_place then
    markup = '#numbered(' .. typst_string(number) .. ')[' .. markup .. ']'
  end
  return pandoc.RawInline('typst', markup)
end

-- Whether the first letter is Hebrew or Arabic.
local function is_right_to_left(element)
  for _, code in utf8.codes(pandoc.utils.stringify(element)) do
    if code >= 0x590 and code < 0x900 then return true end
    if code > 0xBF or utf8.char(code):find('%a') then return false end
  end
  return false
end

local function set_direction(blocks)
  local result = pandoc.Blocks({})
  for _, block in ipairs(blocks) do
    local reverse = is_right_to_left(block)
    if reverse then result:insert(pandoc.RawBlock('typst', '#[#set text(dir: rtl)')) end
    result:insert(block)
    if reverse then result:insert(pandoc.RawBlock('typst', ']')) end
  end
  return result
end

local function all_rows(grid)
  local rows = pandoc.List(grid.head.rows)
  for _, body in ipairs(grid.bodies) do rows = rows .. body.head .. body.body end
  return rows .. grid.foot.rows
end

-- The runs of text in a document, those of tables apart; Typst sets cells of several rows last.
local function collect(document)
  local words, cells, spans = pandoc.List(), pandoc.List(), pandoc.List()
  local function into(runs)
    local function begin() runs:insert('') end
    local function go_on(element) runs[#runs] = (runs[#runs] or '') .. element.text end
    local function blank() go_on({ text = ' ' }) end
    local function interrupt(element)
      begin()
      return element, false
    end
    return {
      traverse = 'topdown',
      Para = begin, Plain = begin, Header = begin, CodeBlock = function(e) begin() go_on(e) end,
      Str = go_on, Code = go_on, Space = blank, SoftBreak = blank, LineBreak = blank,
      Math = interrupt, Image = interrupt, Note = interrupt,
    }
  end
  local outside = into(words)
  outside.Table = function(grid)
    for _, row in ipairs(all_rows(grid)) do
      for _, cell in ipairs(row.cells) do
        pandoc.Blocks(cell.contents):walk(into(cell.row_span > 1 and spans or cells))
      end
    end
    return grid, false
  end
  document:walk(outside)
  return { words = words, cells = cells, spans = spans }
end

-- Columns of numbers are aligned right, columns of words left, headings with their column.
local function is_number(cell)
  local text = pandoc.utils.stringify(cell.contents)
  return text == '' or text:find('%d') and not text:gsub('e[+-]', ''):find('%a')
end

local function align_columns(grid)
  for _, row in ipairs(all_rows(grid)) do
    for _, cell in ipairs(row.cells) do cell.alignment = 'AlignDefault' end
  end
  for column, specification in ipairs(grid.colspecs) do
    local numbers = column > 1
    for _, body in ipairs(grid.bodies) do
      for _, row in ipairs(body.body) do
        numbers = numbers and (not row.cells[column] or is_number(row.cells[column]))
      end
    end
    local alignment = numbers and 'AlignRight' or 'AlignLeft'
    if specification[1] == 'AlignDefault' then grid.colspecs[column] = { alignment, nil } end
  end
  return grid
end

-- A table too wide to be read is continued below, its first column repeated. The unit is one
-- character; a column's padding is worth some.
local WIDEST, PADDING, LONGEST = 170, 2.4, 40

-- Lists of columns that fit side by side; nil where cells span several, so none can be parted.
local function group_columns(grid)
  local widths = pandoc.List()
  for _, row in ipairs(all_rows(grid)) do
    for column, cell in ipairs(row.cells) do
      if cell.col_span > 1 or cell.row_span > 1 then return nil end
      local length = utf8.len(pandoc.utils.stringify(cell.contents)) or 0
      widths[column] = math.max(widths[column] or 0, math.min(length, LONGEST) + PADDING)
    end
  end
  local total = 0
  for column = 2, #widths do total = total + widths[column] end
  local fair = total / math.ceil(total / (WIDEST - (widths[1] or 0)))
  local groups, used = pandoc.List({ pandoc.List({ 1 }) }), 0
  for column = 2, #widths do
    if used + widths[column] / 2 > fair then
      groups:insert(pandoc.List({ 1 }))
      used = 0
    end
    groups:at(-1):insert(column)
    used = used + widths[column]
  end
  return groups
end

local function split_columns(grid)
  local groups = group_columns(grid)
  if not groups or #groups == 1 then return nil end
  return groups:map(function(columns)
    local part = grid:clone()
    local function pick(list) return columns:map(function(column) return list[column] end) end
    for _, row in ipairs(all_rows(part)) do row.cells = pick(row.cells) end
    part.colspecs = pick(part.colspecs)
    return part
  end)
end

-- Long words may be broken anywhere, as addresses must be.
local function make_breakable(element)
  if utf8.len(element.text) > 30 then
    element.text = element.text:gsub(('.'):rep(20):gsub('%.', utf8.charpattern), '%0\u{200b}')
    return element
  end
end

local function convert(piece)
  local pictures, headings = pandoc.List(), pandoc.List()
  local function note_heading(header)
    local plain = true
    header:walk({
      Math = function() plain = false end,
      Image = function() plain = false end,
      Note = function() plain = false end,
    })
    if plain then headings:insert(pandoc.utils.stringify(header)) end
    header.identifier = ''
    return header
  end
  local function show_picture(image)
    pictures:insert(image.src)
    local alt = pandoc.utils.stringify(image.caption)
    local call = '#picture(' .. typst_string(image.src) .. ', ' .. typst_string(alt) .. ')'
    return pandoc.RawInline('typst', call)
  end
  local document = read(piece):walk({ Table = split_columns })
  local result = collect(document)
  document = document:walk({
    RawInline = function(raw)
      return raw.format == 'html' and {} or pandoc.Code(raw.text)
    end,
    RawBlock = function(raw)
      return raw.format == 'html' and {} or pandoc.CodeBlock(raw.text)
    end,
    -- A link within the notebook has no target here, and two headings may share an identifier.
    Link = function(link)
      if link.target:sub(1, 1) == '#' then return link.content end
    end,
    Header = note_heading,
    Div = function(div) return div.content end,
    Figure = function(figure) return figure.content end,
    Str = make_breakable,
    Code = make_breakable,
  }):walk({ Image = show_picture, Math = maths, Table = align_columns })
  document.blocks = set_direction(document.blocks)
  result.markup = pandoc.write(document, 'typst')
  result.pictures, result.headings = pictures, headings
  return result
end

local results = pandoc.List(pieces):map(convert)
print(pandoc.json.encode(results))
