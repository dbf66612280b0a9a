-- Links between articles: [text](kaplan.qmd#sec-x) becomes a link to the page, or in the PDF to the other PDF. Quarto runs
-- this filter as well (`filters:` in _quarto.yml). The embedded renderer gives STUDY_ARTICLES, {article: {label: true}} as
-- JSON, and a link to what is not there stops it. Errors as in subset.lua.
local html = FORMAT:match 'html' ~= nil
local known = os.getenv 'STUDY_ARTICLES'
known = known and pandoc.json.decode(known, false)

local function stop(token, message) error('@@1@@' .. token .. '@@' .. message .. '@@', 0) end

function Link(link)
  local article, label = link.target:match '^([^#:]*%.qmd)#?(.*)$'
  if not article then return end
  if known and not known[article] then stop(link.target, 'link to ' .. article .. ', which is no article of the project') end
  if known and label ~= '' and not known[article][label] then
    stop(link.target, 'link to ' .. link.target .. ': ' .. article .. ' has no label ' .. label)
  end
  local stem = article:match '^(.*)%.qmd$'
  link.target = html and stem .. '.html' .. (label ~= '' and '#' .. label or '') or stem .. '.pdf'
  return link
end
