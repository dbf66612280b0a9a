-- Callouts, conditional content and raw HTML, lowered to plain pandoc. Runs after subset.lua and before quarto.lua, which
-- numbers what is left, in its order.
local html = FORMAT:match 'html' ~= nil
local inlines = pandoc.utils.blocks_to_inlines
local function raw(text) return pandoc.RawBlock(html and 'html' or 'typst', text) end
local function rawi(text) return pandoc.RawInline(html and 'html' or 'typst', text) end

local titles = { note = 'Note', tip = 'Tip', warning = 'Warning', important = 'Important', caution = 'Caution' }
local function callout(div, type)
  local title = pandoc.Inlines { titles[type] }
  if div.attributes.title then title = inlines(pandoc.read(div.attributes.title, 'markdown').blocks) end
  if div.content[1] and div.content[1].t == 'Header' then title = div.content:remove(1).content end
  if not html then
    local out = pandoc.Blocks { raw('#callout("' .. type .. '", ['), pandoc.Plain(title), raw '], [' }
    out:extend(div.content)
    out:insert(raw '])')
    return out
  end
  local class, fold = 'callout callout-' .. type, div.attributes.collapse
  local open = '<div class="' .. class .. '"><p class="callout-title">'
  if fold then
    local state = fold == 'false' and ' open' or ''
    open = '<details class="' .. class .. '"' .. state .. '><summary class="callout-title">'
  end
  local head = pandoc.Inlines { rawi(open) }
  head:extend(title)
  head:insert(rawi(fold and '</summary>' or '</p>'))
  local out = pandoc.Blocks { pandoc.Plain(head) }
  out:extend(div.content)
  out:insert(raw(fold and '</details>' or '</div>'))
  return out
end

local function visible(div)
  local want = div.attributes['when-format'] and html or (div.attributes['unless-format'] and not html)
  if div.classes:includes 'content-hidden' then want = not want end
  return want
end

function Div(div)
  local class = div.classes[1] or ''
  local type = class:match '^callout%-(.*)$'
  if type then return callout(div, type) end
  if class:match '^content%-' then return visible(div) and div.content or {} end
end

local function unwrap(el) -- raw HTML printed by a cell, or a comment
  if el.format == 'study-html' and html then return el.t == 'RawBlock' and raw(el.text) or rawi(el.text) end
  return {}
end
RawBlock, RawInline = unwrap, unwrap
