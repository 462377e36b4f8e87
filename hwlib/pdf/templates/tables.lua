-- Tables: unclosed tags, colours, alignment, captions, and what is too long or too wide.

local layout = require 'layout'
local styles = require 'styles'
local tables = {}

local SIZES = { 8.5, 8, 7.5, 7, 6.5, 6 } -- points of type, the first that fits
local PARTED = 7 -- of a table that is continued below
local PAGE = 481 -- points that a line is wide
local PADDING = 1.2 -- em of each column
local COMFORT = 9 -- em to which a column of words is narrowed at most
local LONG_WORD = 11 -- em; longer words are broken
local HEAD_ROWS, TAIL_ROWS = 150, 50 -- of a table that is longer than both together
local LONGEST_CELL = 4000 -- characters

function tables.all_rows(grid)
  local rows = pandoc.List(grid.head.rows)
  for _, body in ipairs(grid.bodies) do rows = rows .. body.head .. body.body end
  return rows .. grid.foot.rows
end

-- HTML in which all cells and rows of tables are closed, as browsers close them.
function tables.close_tags(html)
  local open = {} -- for each table that is open, its open row and cell
  local function close(state, part)
    local tag = state and state[part]
    if not tag then return '' end
    state[part] = nil
    return '</' .. tag .. '>'
  end
  local function mend(slash, name, rest)
    name = name:lower()
    local state, opens, whole = open[#open], slash == '', '<' .. slash .. name .. rest .. '>'
    if name == 'table' and opens then
      open[#open + 1] = {}
    elseif name == 'table' then
      open[#open] = nil
      return close(state, 'cell') .. close(state, 'row') .. whole
    elseif not state then
      return nil
    elseif name == 'td' or name == 'th' then
      if not opens then return close(state, 'cell') end
      local before = close(state, 'cell') .. (state.row and '' or '<tr>')
      state.row, state.cell = 'tr', name
      return before .. whole
    elseif name == 'tr' then
      local before = close(state, 'cell') .. close(state, 'row')
      if not opens then return before end
      state.row = 'tr'
      return before .. whole
    elseif name == 'thead' or name == 'tbody' or name == 'tfoot' then
      return close(state, 'cell') .. close(state, 'row') .. whole
    end
  end
  return (html:gsub('<(/?)([tT]%a+)([^<>]*)>', mend))
end

-- For each row, the cell that covers each column; a cell of several rows or columns is there often.
local function cover(rows)
  local covered = {}
  for r = 1, #rows do covered[r] = {} end
  for r, row in ipairs(rows) do
    local column = 1
    for _, cell in ipairs(row.cells) do
      while covered[r][column] do column = column + 1 end
      local entry = { cell = cell }
      for down = r, math.min(#rows, r + cell.row_span - 1) do
        for across = column, column + cell.col_span - 1 do covered[down][across] = entry end
      end
      column = column + cell.col_span
    end
  end
  return covered
end

-- Rows again, of some rows and columns of what ``cover`` returns.
local function uncover(covered, columns)
  return pandoc.List(covered):map(function(row, r)
    local cells, k = pandoc.List(), 1
    while k <= #columns do
      local column, entry, width, height = columns[k], row[columns[k]], 1, 1
      while entry and k + width <= #columns and row[columns[k + width]] == entry do width = width + 1 end
      while entry and covered[r + height] and covered[r + height][column] == entry do height = height + 1 end
      if not entry then
        cells:insert(pandoc.Cell({}))
      elseif not covered[r - 1] or covered[r - 1][column] ~= entry then
        local cell = entry.cell
        cells:insert(pandoc.Cell(cell.contents, cell.alignment, height, width, cell.attr))
      end
      k = k + width
    end
    return pandoc.Row(cells)
  end)
end

local function text_of(cell) return pandoc.utils.stringify(cell.contents) end

-- Widths in em, of a character and of a text: all of it, and its longest word.
local function width_of(code)
  if code >= 0x1100 and (code <= 0x115F or code >= 0x2E80 and code <= 0xA4CF or code >= 0xAC00 and code <= 0xD7A3
    or code >= 0xF900 and code <= 0xFAFF or code >= 0xFE30 and code <= 0xFF60 or code >= 0x1F300) then return 1 end
  if code >= 0x300 and code < 0x370 then return 0 end
  if code >= 65 and code <= 90 then return 0.68 end
  if code < 48 and code ~= 35 and code ~= 37 and code ~= 38 then return 0.33 end
  return code == 0x6D and 0.8 or 0.51
end

local function measure(text)
  local whole, word, longest = 0, 0, 0
  for _, code in utf8.codes(text, true) do
    local width = width_of(code)
    whole = whole + width
    local is_break = code == 32 or code == 10 or code == 0x2D or width == 1
    word = is_break and width or word + width
    longest = math.max(longest, word)
  end
  return whole, longest
end

local SPECIAL = { [''] = true, ['nan'] = true, ['inf'] = true, ['-inf'] = true, ['-'] = true, ['–'] = true,
  ['—'] = true, ['none'] = true, ['nat'] = true, ['<na>'] = true, ['na'] = true, ['missing'] = true, ['...'] = true,
  ['…'] = true, ['∞'] = true, ['-∞'] = true, ['null'] = true }
local function is_number(text)
  text = text:lower():gsub('^%s+', ''):gsub('%s+$', '')
  return SPECIAL[text] or text:find('%d') and not text:gsub('e[+-]?%d', ''):find('%a')
end

-- What is known of a column: whether it holds numbers, its width, and to what it can be narrowed.
local function study(column, head, body)
  local numbers, digits, natural, least = column > 1, false, 0, 0
  for part, rows in ipairs({ head, body }) do
    for r, row in ipairs(rows) do
      local entry = row[column]
      if entry and entry.cell.col_span == 1 then
        local text = text_of(entry.cell)
        local whole, word = measure(text)
        pandoc.Blocks(entry.cell.contents):walk({
          Image = function() whole, word = whole + 12, math.max(word, 6) end,
          Code = function() whole, word = whole * 1.2, word * 1.2 end,
        })
        local bold = part == 1 and 1.08 or 1
        natural, least = math.max(natural, whole * bold), math.max(least, word * bold)
        if part == 2 and (r > 1 or #head > 0 or #body < 3) then -- the first row may name the columns
          numbers, digits = numbers and is_number(text), digits or text:find('%d')
        end
      end
    end
  end
  numbers = numbers and digits
  natural = natural + 0.3
  local narrow = numbers and natural or math.max(math.min(least + 0.3, LONG_WORD), math.min(natural, COMFORT))
  return { numbers = numbers, natural = natural, least = math.min(narrow, natural) }
end

local function sum(columns, name)
  local total = 0
  for _, column in ipairs(columns) do total = total + column[name] + PADDING end
  return total
end

-- The size of type, and the columns' shares of the page if they do not fit as they are.
local function fit(columns)
  for _, size in ipairs(SIZES) do
    local available = PAGE / size
    if sum(columns, 'natural') <= available then return size, nil end
    if sum(columns, 'least') <= available or size == SIZES[#SIZES] then
      local spare = math.max(0, available - sum(columns, 'least'))
      local wished = math.max(0.01, sum(columns, 'natural') - sum(columns, 'least'))
      local shares = pandoc.List(columns):map(function(column)
        return column.least + PADDING + spare * (column.natural - column.least) / wished
      end)
      local total = 0.01 -- more than fits if a single word is wider than the page
      for _, share in ipairs(shares) do total = total + share end
      return size, shares:map(function(share) return share / math.max(available, total) end)
    end
  end
end

-- Lists of columns that fit side by side; the first ones, which name the rows, are in each.
local function group_columns(columns, names)
  local all = pandoc.List()
  for column = 1, #columns do all:insert(column) end
  if sum(columns, 'least') <= PAGE / SIZES[#SIZES] then return { all } end
  local first, named = pandoc.List(), 0
  for column = 1, names do
    first:insert(column)
    named = named + columns[column].least + PADDING
  end
  local available = math.max(PAGE / PARTED - named, 20)
  local total = sum(columns, 'least') - named
  local fair = total / math.ceil(total / available)
  local groups, used = pandoc.List({ first:clone() }), 0
  for column = names + 1, #columns do
    local width = columns[column].least + PADDING
    if used > 0 and (used + width / 2 > fair or used + width > available) then
      groups:insert(first:clone())
      used = 0
    end
    groups:at(-1):insert(column)
    used = used + width
  end
  return groups
end

-- The rows of a long table's beginning and end, and a row that says so.
local function shorten_rows(rows, count)
  local left_out = #rows - HEAD_ROWS - TAIL_ROWS
  if left_out <= 1 then return rows end
  local notice = '… ' .. left_out .. ' more rows are in the notebook …'
  local entry, noticed = { cell = pandoc.Cell({ pandoc.Plain({ pandoc.Emph(pandoc.Inlines(notice)) }) }) }, {}
  for column = 1, count do noticed[column] = entry end
  entry.cell.col_span = count
  local kept = pandoc.List()
  for r = 1, HEAD_ROWS do kept:insert(rows[r]) end
  kept:insert(noticed)
  for r = #rows - TAIL_ROWS + 1, #rows do kept:insert(rows[r]) end
  return kept
end

local function shorten_cell(cell)
  local text = text_of(cell)
  local length = utf8.len(text) or 0
  if length <= LONGEST_CELL then return end
  local notice = ' … ' .. length - LONGEST_CELL .. ' more characters are in the notebook …'
  cell.contents = { pandoc.Plain({ pandoc.Str(text:sub(1, utf8.offset(text, LONGEST_CELL + 1) - 1)), pandoc.Emph(pandoc.Inlines(notice)) }) }
end

local function make_bold(cell)
  cell.contents = pandoc.List(cell.contents):map(function(block)
    if block.t == 'Plain' or block.t == 'Para' then block.content = { pandoc.Strong(block.content) } end
    return block
  end)
end

local function set_cells(grid, colours)
  for _, row in ipairs(tables.all_rows(grid)) do
    row.attr = pandoc.Attr()
    for _, cell in ipairs(row.cells) do
      local style = styles.of(cell, colours)
      cell.alignment, cell.attr = 'AlignDefault', pandoc.Attr('', {}, style)
      shorten_cell(cell)
    end
  end
  for _, row in ipairs(grid.head.rows) do
    for _, cell in ipairs(row.cells) do
      if cell.col_span > 1 then cell.alignment = 'AlignCenter' end
      make_bold(cell)
    end
  end
end

-- Rows that need less than half a page are not parted by a page's end.
local function keep_whole(rows, widths)
  for _, row in ipairs(rows) do
    local lines, column = 1, 1
    for _, cell in ipairs(row.cells) do
      local width = 0
      for c = column, column + cell.col_span - 1 do width = width + (widths[c] or 0) end
      lines = math.max(lines, #cell.contents, measure(text_of(cell)) / math.max(1, width))
      column = column + cell.col_span
    end
    for _, cell in ipairs(row.cells) do
      if lines > 1 and lines < 25 then cell.attr.attributes['typst:breakable'] = 'false' end
    end
  end
  return rows
end

-- A part of a table: some of its columns, at a size of type at which they fit.
local function make_part(grid, head, body, columns, group)
  local studied = group:map(function(column) return columns[column] end)
  local size, shares = fit(studied)
  local specifications = group:map(function(column, k)
    local alignment = grid.colspecs[column] and grid.colspecs[column][1] or 'AlignDefault'
    if alignment == 'AlignDefault' then alignment = columns[column].numbers and 'AlignRight' or 'AlignLeft' end
    return { alignment, shares and shares[k] or nil }
  end)
  local widths = shares and shares:map(function(share) return share * PAGE / size - PADDING end)
  local filled = uncover(body, group)
  if widths then filled = keep_whole(filled, widths) end
  local rows = { attr = pandoc.Attr(), body = filled, head = {}, row_head_columns = 0 }
  local attributes = pandoc.Attr('', {}, { ['typst:text:size'] = size .. 'pt' })
  local thead, tfoot = pandoc.TableHead(uncover(head, group)), pandoc.TableFoot()
  return pandoc.Table(grid.caption, specifications, thead, { rows }, tfoot, attributes)
end

local function has_content(grid)
  local pictures = 0
  grid:walk({ Image = function() pictures = pictures + 1 end })
  return pictures > 0 or pandoc.utils.stringify(pandoc.Blocks({ grid })) ~= ''
end

-- The number of tables that have a content.
function tables.count(document)
  local number = 0
  document:walk({ Table = function(grid) number = number + (has_content(grid) and 1 or 0) end })
  return number
end

-- The contents of a table's cells, one after another, if there are tables among them.
local function unwrap(grid)
  local contents, nested = pandoc.Blocks(grid.caption.long), false
  for _, row in ipairs(tables.all_rows(grid)) do
    for _, cell in ipairs(row.cells) do
      pandoc.Blocks(cell.contents):walk({ Table = function() nested = true end })
      contents:extend(cell.contents)
    end
  end
  return nested and contents
end

-- First of all: tables without content are left out, wide ones are parted, long ones shortened; one
-- without a caption gets that of its cell.
function tables.prepare(colours, caption)
  local filter = { traverse = 'topdown', Span = styles.of_span, Div = layout.reduce, Header = layout.reduce }
  function filter.Table(grid)
    if not has_content(grid) then return {}, false end
    local contents = unwrap(grid)
    if contents then return contents:walk(filter), false end
    local rows = pandoc.List()
    for _, body in ipairs(grid.bodies) do rows = rows .. body.head .. body.body end
    local head, body = cover(grid.head.rows), cover(rows .. grid.foot.rows)
    local count = #grid.colspecs
    if caption ~= '' and #grid.caption.long == 0 then grid.caption = { long = { pandoc.Plain(pandoc.Inlines(caption)) } } end
    set_cells(grid, colours)
    body = shorten_rows(body, count)
    local columns = pandoc.List()
    for column = 1, count do columns:insert(study(column, head, body)) end
    local names = grid.bodies[1] and math.min(3, grid.bodies[1].row_head_columns) or 0
    local groups = group_columns(columns, math.min(math.max(1, names), count))
    return pandoc.List(groups):map(function(group, number)
      if number == 2 then grid.caption = { long = {} } end
      return make_part(grid, head, body, columns, group)
    end), false
  end
  return filter
end

return tables
