-- Turns pieces of Markdown and HTML into Typst markup, all in one process.
-- In, as JSON: a list of {format, text}. Out, as JSON: a list of {markup, pictures, headings}.
-- No text can become Typst code: raw Typst is shown as text, and pandoc escapes the rest.

local pieces = pandoc.json.decode(io.read('a'), false)
local HTML = 'html+tex_math_single_backslash'

local function typst_string(text)
  return '"' .. text:gsub('\\', '\\\\'):gsub('"', '\\"'):gsub('\n', ' ') .. '"'
end

-- Markdown with HTML in it is written as HTML and read again, so that tags mean what they mean
-- in a browser.
local function read(piece)
  local document = pandoc.read(piece.text, piece.format)
  local has_html = false
  local function note_html(raw)
    has_html = has_html or raw.format == 'html'
  end
  document:walk({ RawInline = note_html, RawBlock = note_html })
  if not has_html then
    return document
  end
  local options = pandoc.WriterOptions({ html_math_method = 'mathjax' })
  return pandoc.read(pandoc.write(document, 'html', options), HTML)
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

local function maths(element)
  local alone = pandoc.Pandoc({ pandoc.Plain({ element }) })
  return pandoc.RawInline('typst', (mend(pandoc.write(alone, 'typst'):gsub('%s+$', ''))))
end

-- Columns of numbers are aligned right, columns of words left, headings with their column.
local function is_number(cell)
  local text = pandoc.utils.stringify(cell.contents)
  return text == '' or text:find('%d') and not text:gsub('e[+-]', ''):find('%a')
end

local function align_columns(grid)
  for column, specification in ipairs(grid.colspecs) do
    local numbers = column > 1
    for _, body in ipairs(grid.bodies) do
      for _, row in ipairs(body.body) do
        local cell = row.cells[column]
        numbers = numbers and (not cell or is_number(cell))
        if cell then cell.alignment = 'AlignDefault' end
      end
    end
    local alignment = numbers and 'AlignRight' or 'AlignLeft'
    if specification[1] == 'AlignDefault' then grid.colspecs[column] = { alignment, nil } end
  end
  for _, row in ipairs(grid.head.rows) do
    for _, cell in ipairs(row.cells) do cell.alignment = 'AlignDefault' end
  end
  return grid
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
    local call = '#picture(' .. typst_string(image.src) .. ')'
    return pandoc.RawInline('typst', call)
  end
  local document = read(piece):walk({
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
  }):walk({ Image = show_picture, Math = maths, Table = align_columns })
  return { markup = pandoc.write(document, 'typst'), pictures = pictures, headings = headings }
end

local results = pandoc.List(pieces):map(convert)
print(pandoc.json.encode(results))
