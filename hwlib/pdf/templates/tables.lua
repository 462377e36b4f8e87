-- Tables: alignment of columns, and what is too wide.

local tables = {}

function tables.all_rows(grid)
  local rows = pandoc.List(grid.head.rows)
  for _, body in ipairs(grid.bodies) do rows = rows .. body.head .. body.body end
  return rows .. grid.foot.rows
end

-- Columns of numbers are aligned right, columns of words left, headings with their column.
local function is_number(cell)
  local text = pandoc.utils.stringify(cell.contents)
  return text == '' or text:find('%d') and not text:gsub('e[+-]', ''):find('%a')
end

local function align_columns(grid)
  for _, row in ipairs(tables.all_rows(grid)) do
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
  for _, row in ipairs(tables.all_rows(grid)) do
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
    for _, row in ipairs(tables.all_rows(part)) do row.cells = pick(row.cells) end
    part.colspecs = pick(part.colspecs)
    return part
  end)
end

local function has_content(grid)
  local pictures = 0
  grid:walk({ Image = function() pictures = pictures + 1 end })
  return pictures > 0 or pandoc.utils.stringify(pandoc.Blocks({ grid })) ~= ''
end

-- First of all: tables without content are left out, wide ones are parted.
tables.split = {
  Table = function(grid)
    if not has_content(grid) then return {} end
    return split_columns(grid)
  end,
}
tables.align = { Table = align_columns }

return tables
