-- TeX formulas as Typst markup.

local strings = require 'strings'

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
local function set(element)
  local number = element.text:match('\\tag{([^}]*)}')
  local _, tags = element.text:gsub('\\tag{', '')
  local in_place = tags > 1 or element.text:find('\\begin{[ag][al][it]') -- align, gather
  local rest = in_place and '\\qquad \\text{(%1)}' or ''
  element.text = element.text:gsub('\\tag{([^}]*)}', rest)
  local alone = pandoc.Pandoc({ pandoc.Plain({ element }) })
  local markup = mend(pandoc.write(alone, 'typst'):gsub('%s+$', ''))
  if number and not in_place then
    markup = '#numbered(' .. strings.typst_string(number) .. ')[' .. markup .. ']'
  end
  return pandoc.RawInline('typst', markup)
end

return { Math = set }
